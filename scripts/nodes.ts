/**
 * Packs and installs the package, and starts it on each Node that it promises: each indexes this repository and finds
 * something in it. The installation is made once, as one that outlives an update of Node.
 *
 *     npm run nodes [-- VERSION...]
 */
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { MIB, MINUTE, SECOND } from '../src/units.ts';

/** The oldest of `engines` in package.json, and the newest of each line that is still maintained. */
const VERSIONS = ['20.19', '22', '24', '26'];
/** What one file alone is about, so that the right answer is known. */
const QUESTION = 'nearest name of a mistyped option';
const ANSWER = 'src/config/problems.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'tidemark-nodes-'));
const [app, repository] = [join(folder, 'app'), join(folder, 'repository')];
/** What a developer has set is not what a user has. */
const environment = {
  ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('TIDEMARK_'))),
  npm_config_loglevel: 'error',
};

/** Throws with what the program said. */
const command = (name: string, args: readonly string[], cwd: string, env = environment): Said => {
  const how = { cwd, env, encoding: 'utf8', timeout: 10 * MINUTE, maxBuffer: 64 * MIB } as const;
  const { status, stdout, stderr, error } = spawnSync(name, args, how);
  if (error) throw error;
  if (status !== 0) throw new Error(`${name} ${args.join(' ')} ended with ${status}\n${stdout}${stderr}`);
  return { stdout, stderr };
};

const install = (): string => {
  for (const directory of [app, repository]) mkdirSync(directory);
  copyFileSync(join(root, '.npmrc'), join(app, '.npmrc'));
  const { stdout } = command('npm', ['pack', '--silent', '--pack-destination', folder], root);
  const packed = stdout.trim().split('\n').at(-1);
  const { overrides } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { overrides: object };
  const dependencies = { tidemark: `file:../${packed}` };
  writeFileSync(join(app, 'package.json'), JSON.stringify({ private: true, dependencies, overrides }));
  command('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline'], app);
  // A checkout of a continuous integration may be shallow and on no branch.
  command('git', ['init', '--quiet', '--initial-branch=main'], repository);
  command('git', ['fetch', '--quiet', '--depth=1', `file://${root}`, 'HEAD'], repository);
  command('git', ['checkout', '--quiet', '-B', 'main', 'FETCH_HEAD'], repository);
  return `${packed} is installed`;
};

const tidemark = (version: string, args: readonly string[]): string => {
  const program = join(app, 'node_modules', 'tidemark', 'bin', 'tidemark.js');
  const env = { ...environment, TIDEMARK_DATA: join(folder, `data-${version}`) };
  const { stdout, stderr } = command('npx', ['-y', `node@${version}`, program, ...args], repository, env);
  // A user would see it before every answer.
  if (/warning/i.test(stderr)) throw new Error(`tidemark ${args[0]} warns\n${stderr}`);
  return stdout;
};

const tryOn = (version: string): string => {
  const exact = command('npx', ['-y', `node@${version}`, '--version'], folder).stdout.trim();
  const { indexed, failed, durationMs } = JSON.parse(tidemark(version, ['backfill', '--json'])) as Report;
  if (failed > 0) throw new Error(`${failed} of ${indexed + failed} documents have failed`);
  const { hits } = JSON.parse(tidemark(version, ['search', QUESTION, '--json'])) as Answer;
  if (!hits.some(({ path }) => path === ANSWER))
    throw new Error(`"${QUESTION}" finds ${hits.map(({ path }) => path).join(', ') || 'nothing'}, and not ${ANSWER}`);
  return `node ${exact}: ${indexed} documents are indexed in ${(durationMs / SECOND).toFixed(1)} s, and ${ANSWER} is found`;
};

interface Said {
  readonly stdout: string;
  readonly stderr: string;
}
interface Report {
  readonly indexed: number;
  readonly failed: number;
  readonly durationMs: number;
}
interface Answer {
  readonly hits: readonly { readonly path: string }[];
}

/** What fails is said, and the others are tried all the same. */
const attempt = (what: string, work: () => string): void => {
  try {
    process.stdout.write(`${work()}\n`);
  } catch (error) {
    process.stderr.write(`${what} fails: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
};

const given = process.argv.slice(2);
try {
  attempt('the installation', install);
  if (process.exitCode === undefined)
    for (const version of given.length > 0 ? given : VERSIONS) attempt(`node ${version}`, () => tryOn(version));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
