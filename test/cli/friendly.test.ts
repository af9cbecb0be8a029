/** The commands that help: each as it is typed. */
import { execFileSync } from 'node:child_process';
import { chmod, lstat, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { commands } from '../../src/cli/commands.ts';
import { asking, configurationOf, defaults } from '../../src/cli/init-questions.ts';
import { buildExecutable, type Executable } from '../support/executable.ts';
import { makeRepository, type TestRepository } from '../support/repository.ts';

/** Many processes, one after the other. */
vi.setConfig({ testTimeout: 90_000 });

let tidemark: Executable;
let repository: TestRepository;
let empty: string;
const tide = (...args: string[]) => tidemark.run(repository.directory, args);

beforeAll(async () => {
  tidemark = buildExecutable();
  repository = await makeRepository();
  await repository.commit({ files: [['a.md', '# Tides\n\nAbout quokkas.\n']] });
  await writeFile(join(repository.directory, 'a.md'), '# Tides\n\nAbout quokkas.\n');
  empty = await mkdtemp(join(tmpdir(), 'tidemark-empty-'));
}, 120_000);

afterAll(async () => {
  await tidemark?.remove();
  await repository?.remove();
  if (empty) await rm(empty, { recursive: true, force: true });
});

describe('init', () => {
  const file = () => join(repository.directory, 'tidemark.yaml');

  it('writes a configuration that holds, and none over another', async () => {
    const { code, stdout } = await tide('init', '--yes');
    expect([code, stdout]).toEqual([0, `wrote ${file()}\n`]);
    expect((await tide('config', 'check')).code).toBe(0);
    await writeFile(file(), '# mine\n');
    expect(await tide('init', '--yes')).toMatchObject({ code: 2, stderr: expect.stringContaining('--force') });
    expect(await readFile(file(), 'utf8')).toBe('# mine\n');
    expect((await tide('init', '--yes', '--force')).code).toBe(0);
    await rm(file());
  });

  it('puts it in the place of a link or a pipe, and touches nothing that they lead to', async () => {
    const other = join(await mkdtemp(join(tmpdir(), 'tidemark-other-')), 'mine');
    await writeFile(other, 'mine\n');
    await symlink(other, file());
    expect((await tide('init', '--yes', '--force', '--no-check')).code).toBe(0);
    expect(await readFile(other, 'utf8')).toBe('mine\n');
    expect((await lstat(file())).isFile()).toBe(true);
    await rm(file());
    execFileSync('mkfifo', [file()]);
    expect((await tide('init', '--yes', '--force', '--no-check')).code).toBe(0);
    expect((await lstat(file())).isFile()).toBe(true);
    await rm(file());
    await rm(dirname(other), { recursive: true });
  });

  it('names variables for secrets, and says what cannot be reached', async () => {
    const args = ['--yes', '--source', 'gitlab', '--gitlab-url', 'http://127.0.0.1:1', '--groups', 'team,docs'];
    const { code, stderr } = await tide('init', ...args);
    expect(code).toBe(0);
    expect(stderr).toMatch(/127\.0\.0\.1:1 cannot be reached/);
    expect(stderr).toMatch(/set GITLAB_TOKEN/);
    expect(parse(await readFile(file(), 'utf8'))).toMatchObject({
      pipelines: { default: { sources: [{ gitlab: { token: '${GITLAB_TOKEN}', groups: ['team', 'docs'] } }] } },
    });
    await rm(file());
  });

  it('refuses what cannot be written, before it writes', async () => {
    expect((await tide('init', '--yes', '--source', 'svn')).code).toBe(2);
    expect((await tide('init', '--yes', '--groups', 'team')).code).toBe(2);
    expect((await tide('init', '--yes', '--source', 'gitlab')).code).toBe(78);
    await expect(readFile(file())).rejects.toThrow();
  });

  it('at a terminal asks what was not said, and again what it does not understand', async () => {
    const [input, output] = [new PassThrough(), new PassThrough()];
    let said = '';
    const lines = ['gitlab', '', 'team', '', '', 'rabbit', 'kafka', 'k1:9092 k2:9092'];
    output.on('data', (text: Buffer) => {
      said += text;
      if (/\] $/.test(String(text))) input.write(`${lines.shift()}\n`);
    });
    const answers = await asking({ store: 'embedded' }, { input, output, signal: new AbortController().signal });
    expect(lines).toEqual([]);
    expect(said).toContain('expected embedded or kafka');
    expect(parse(configurationOf(answers))).toMatchObject({
      pipelines: { default: { sources: [{ gitlab: { url: 'https://gitlab.com', groups: ['team'] } }] } },
      log: { kind: 'kafka', brokers: ['k1:9092', 'k2:9092'] },
    });
    expect(answers).toEqual(defaults({ ...answers }));
  });
});

describe('doctor', () => {
  const findings = async (env: Record<string, string> = {}) => {
    const { code, stdout } = await tidemark.run(repository.directory, ['doctor', '--json'], env);
    return { code, found: JSON.parse(stdout) as { level: string; about: string; finding: string; remedy: string }[] };
  };

  it('finds a new repository well, and says what to do next', async () => {
    const { code, found } = await findings();
    expect(code).toBe(0);
    expect(found.filter(({ level }) => level === 'ok').map(({ about }) => about)).toEqual(
      expect.arrayContaining(['node', 'git', 'configuration', 'data directory', 'embedder static', 'source git']),
    );
    expect(found.find(({ level }) => level === 'warning')).toMatchObject({
      remedy: expect.stringContaining('tidemark serve'),
    });
  });

  it('finds what is broken, each with what to do, and ends with 1', async () => {
    const file = join(repository.directory, 'tidemark.yaml');
    await writeFile(file, 'limits: { windows: 3 }');
    expect(await findings()).toMatchObject({
      code: 1,
      found: expect.arrayContaining([expect.objectContaining({ level: 'error', about: 'configuration' })]),
    });
    await writeFile(file, 'pipelines: { default: { sources: [{ git: { name: gone, path: ./none } }] } }');
    const { code, found } = await findings();
    expect(code).toBe(1);
    expect(found.find(({ about }) => about === 'source git')).toMatchObject({ level: 'error' });
    for (const { level, remedy } of found) expect(remedy === '').toBe(level === 'ok');
    await rm(file);
  });

  it('names a data directory that is not to be believed, with what to do', async () => {
    const data = join(empty, 'data');
    await mkdir(join(data, 'blobs'), { recursive: true });
    await chmod(data, 0o777);
    const { code, found } = await findings({ TIDEMARK_DATA: data });
    expect(code).toBe(1);
    expect(found.find(({ about, level }) => about === 'data directory' && level === 'error')?.remedy).toContain(
      `chmod -R go-rwx ${data}`,
    );
    for (const { level, remedy } of found) expect(remedy === '').toBe(level === 'ok');
  });
});

describe('inspect', () => {
  it('shows how a file is cut, with the tokens of each chunk', async () => {
    const { stdout } = await tide('inspect', 'a.md', '--json');
    expect(JSON.parse(stdout)).toMatchObject({
      ...{ path: 'a.md', selected: true, mediaType: 'text/markdown', title: 'Tides', skipped: null },
      chunks: [{ startLine: 1, endLine: 3, heading: ['Tides'], tokens: expect.any(Number) }],
    });
  });

  it('says why a file is not in the index', async () => {
    await writeFile(join(repository.directory, 'picture.bin'), Buffer.from([0, 1, 2, 3]));
    expect((await tide('inspect', 'picture.bin')).stdout).toContain('skipped, binary');
    expect((await tide('inspect', 'a.md', '--as', 'vendor/a.md')).stdout).toContain('leaves it out');
    expect((await tide('inspect', 'none.md')).code).toBe(2);
  });
});

describe('the configuration', () => {
  it('is shown as it holds, without its secrets', async () => {
    const file = join(repository.directory, 'tidemark.yaml');
    await writeFile(file, 'http: { tokens: [{ name: agents, token: "0123456789abcdef" }] }');
    const { stdout } = await tide('config', 'show');
    expect(parse(stdout)).toMatchObject({ http: { port: 0, tokens: [{ name: 'agents', token: '***' }] }, limits: {} });
    expect(stdout).not.toContain('0123456789abcdef');
    await rm(file);
  });

  it('has a schema that knows every option, outside of any repository too', async () => {
    const { code, stdout } = await tidemark.run(empty, ['config', 'schema']);
    expect(code).toBe(0);
    const schema = JSON.parse(stdout);
    expect(schema.properties.http.properties.port.anyOf).toEqual([
      { type: 'integer', minimum: 0, maximum: 65_535 },
      { type: 'string' },
    ]);
    expect(schema.additionalProperties).toBe(false);
  });

  it('takes secrets from files', async () => {
    const file = join(repository.directory, 'tidemark.yaml');
    const secret = join(empty, 'secret');
    await writeFile(file, 'http: { tokens: [{ name: agents, token: "${AGENTS}" }] }');
    await writeFile(secret, 'only-fifteen-ch\n');
    const check = (env: Record<string, string>) => tidemark.run(repository.directory, ['config', 'check'], env);
    expect(await check({ AGENTS_FILE: secret })).toMatchObject({ code: 78, stderr: expect.stringContaining('token') });
    await writeFile(secret, 'these-are-sixteen\n');
    expect((await check({ AGENTS_FILE: secret })).code).toBe(0);
    expect(await check({ AGENTS_FILE: secret, AGENTS: 'x' })).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('both set'),
    });
    expect(await check({ AGENTS_FILE: join(empty, 'none') })).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('no such file'),
    });
    await rm(file);
  });
});

describe('what a backfill costs', () => {
  const file = () => join(repository.directory, 'tidemark.yaml');

  it('is said beforehand, and nothing is done', async () => {
    const { code, stdout } = await tide('backfill', '--dry-run', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ files: 1, chunks: 1, cost: { amount: 0 } });
    expect(JSON.parse((await tide('status', '--json')).stdout).projects).toEqual([]);
  });

  it('never exceeds the budget: the run stops where it is used up, and goes on with a larger one', async () => {
    await writeFile(file(), 'limits: { budget: { tokens: 1 } }');
    const stopped = await tide('backfill', '--json');
    expect(stopped).toMatchObject({ code: 75, stdout: '', stderr: expect.stringContaining('limits.budget.tokens') });
    await writeFile(file(), 'limits: { budget: { tokens: 1000 } }');
    const { code, stdout, stderr } = await tide('backfill', '--json');
    expect(stderr).toContain('following run');
    expect([code, JSON.parse(stdout)]).toMatchObject([0, { status: 'success', failed: 0 }]);
    expect(JSON.parse((await tide('verify', '--json')).stdout)).toMatchObject({ documents: 1, differences: [] });
    expect((await tide('dead-letters', 'list', '--json')).stdout).toBe('');
    await rm(file());
  });
});

describe('completions', () => {
  const complete = (script: string, ...words: string[]): string[] => {
    const call = `COMP_WORDS=(tidemark ${words.map((word) => `'${word}'`).join(' ')}); COMP_CWORD=${words.length}; _tidemark; printf '%s\\n' "\${COMPREPLY[@]}"`;
    return execFileSync('bash', ['-c', `${script}\n${call}`], { encoding: 'utf8', cwd: empty })
      .split('\n')
      .filter((line) => line !== '');
  };

  it('of bash know every command and its options', async () => {
    const { stdout } = await tidemark.run(empty, ['completions', 'bash']);
    for (const { name, options } of commands) {
      const words = name.split(' ');
      for (const [at, word] of words.entries()) expect(complete(stdout, ...words.slice(0, at + 1))).toContain(word);
      for (const option of Object.keys(options ?? {}))
        expect(complete(stdout, ...name.split(' '), `--${option}`), name).toContain(`--${option}`);
    }
    expect(complete(stdout, 'dead-letters', '--he')).toEqual(['--help']);
    expect(complete(stdout, 'search', '--mode', '')).toEqual(['hybrid', 'dense', 'lexical']);
    expect(complete(stdout, '--con')).toEqual(['--config']);
    expect(complete(stdout, '--config', 'a.yaml', 'sear')).toEqual(['search']);
    expect(complete(stdout, '--config', 'a.yaml', 'config', 'ch')).toEqual(['check']);
  }, 60_000);

  it.each(['zsh', 'fish'])('of %s name every command and option', async (shell) => {
    const { stdout } = await tidemark.run(empty, ['completions', shell]);
    for (const { name, options } of commands) {
      for (const word of name.split(' ')) expect(stdout).toContain(word);
      for (const option of Object.keys(options ?? {}))
        expect(stdout).toContain(shell === 'zsh' ? `--${option}[` : `-l ${option}`);
    }
    // A group is described by what is in it, and --config may stand before every command.
    expect(stdout).toContain(shell === 'zsh' ? 'config:check, show, schema' : `-a config -d 'check, show, schema'`);
    expect(stdout).toContain(shell === 'zsh' ? '--config:Reads' : `'__fish_use_subcommand' -l config -r`);
  });
});
