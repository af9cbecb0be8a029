/** What `doctor` looks at in this process: each finding with what to do about it. */
import { access, constants, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Config, PipelineOptions } from '../config/schema.ts';
import { embedderOf } from '../embedders/registry.ts';
import { serverReranker } from '../embedders/reranker.ts';
import { codeOf, messageOf } from '../errors.ts';
import { isLoopbackAddress } from '../http/server.ts';
import { doubtOf } from '../owner/data-directory.ts';
import type { Place } from '../owner/place.ts';
import { sourcesFor } from '../pipeline/open.ts';
import type { Finding as SourceFinding } from '../ports.ts';
import { systemTime } from '../runtime/time.ts';
import { type Environment, gitCommand } from '../sources/git/command.ts';
import type { Telemetry } from '../telemetry.ts';
import { GIB } from '../units.ts';

/** Less than that is soon full. */
const MIN_FREE_BYTES = 1 * GIB;
const MIN_NODE = [20, 19] as const;
const MIN_GIT = [2, 25] as const;

export interface Finding extends SourceFinding {
  readonly about: string;
}

const ok = (about: string, finding: string): Finding => ({ level: 'ok', about, finding, remedy: '' });

export const versionFindings = async (env: Environment, cwd: string, version: string): Promise<readonly Finding[]> => [
  ok('tidemark', version),
  atLeast('node', process.versions.node, MIN_NODE, 'Install a newer Node.'),
  await gitVersion(env, cwd),
];

const gitVersion = async (environment: Environment, cwd: string): Promise<Finding> => {
  const remedy = 'Install git, or put it on the PATH of this process.';
  try {
    const git = gitCommand({ place: ['-C', cwd], environment, signal: new AbortController().signal });
    const { stdout } = await git.run(['--version']);
    return atLeast('git', /\d+(?:\.\d+)*/.exec(stdout.toString())?.[0] ?? '0', MIN_GIT, 'Install a newer git.');
  } catch (error) {
    return { level: 'error', about: 'git', finding: messageOf(error), remedy };
  }
};

const atLeast = (
  about: string,
  version: string,
  [major, minor]: readonly [number, number],
  remedy: string,
): Finding => {
  const [first = 0, second = 0] = version.split('.').map(Number);
  if (first > major || (first === major && second >= minor)) return ok(about, version);
  return { level: 'error', about, finding: `${version}, and ${major}.${minor} is needed`, remedy };
};

export const settingFindings = ({ http, pipelines, webhooks }: Config): readonly Finding[] => {
  const findings: Finding[] = [];
  if (!isLoopbackAddress(http.host) && http.hosts.length === 0)
    findings.push({
      ...{ level: 'warning', about: 'http', finding: `listens on ${http.host}, and answers to every name` },
      remedy: 'Name those under which it is reached in http.hosts.',
    });
  const usesGitlab = Object.values(pipelines).some(({ sources }) => sources.some(({ gitlab }) => gitlab));
  if (usesGitlab && webhooks.secrets.length === 0)
    findings.push({
      ...{ level: 'warning', about: 'webhooks', finding: 'there is no secret, so no webhook is accepted' },
      remedy: 'Set webhooks.secrets, and the same secret in GitLab; until then pushes are found by resync alone.',
    });
  return findings;
};

/** Of the directory itself, or where it is to be made. */
export const diskFindings = async ({ data, environment }: Place): Promise<readonly Finding[]> => {
  const about = 'data directory';
  const there = await existing(data);
  try {
    await access(there, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const remedy = 'Let this user write there, or name another place: TIDEMARK_DATA.';
    return [{ level: 'error', about, finding: messageOf(error), remedy }];
  }
  const { bavail, bsize } = await statfs(there);
  const free = bavail * bsize;
  const finding = `${data}, ${(free / GIB).toFixed(1)} GiB free`;
  const doubt = await doubtOf({ data, environment });
  return [
    free < MIN_FREE_BYTES
      ? { level: 'warning', about, finding, remedy: 'Make room, or name another place: TIDEMARK_DATA.' }
      : ok(about, finding),
    ...(doubt ? [{ level: 'error', about, ...doubt } as const] : []),
  ];
};

const existing = async (path: string): Promise<string> => {
  try {
    await stat(path);
    return path;
  } catch (error) {
    if (codeOf(error) === 'ENOENT' && dirname(path) !== path) return existing(dirname(path));
    return path;
  }
};

export const embedderFindings = async (
  name: string,
  { embedder: options }: PipelineOptions,
): Promise<readonly Finding[]> => {
  const { embedder } = embedderOf(options, () => undefined);
  return firstAnswer({
    about: `embedder ${options.kind}`,
    told: `pipeline ${name}: ${embedder.dimensions} dimensions`,
    ask: () => embedder.embed(['how are offsets committed'], 'query'),
    close: () => embedder.close(),
    level: 'error',
    remedy: `Look at pipelines.${name}.embedder; TIDEMARK_EMBEDDER=static works without anything.`,
  });
};

export const rerankerFindings = async (
  name: string,
  { reranker: options }: PipelineOptions,
): Promise<readonly Finding[]> => {
  if (!options) return [];
  const reranker = serverReranker(options, systemTime);
  const passages = ['Offsets are committed once the store has acknowledged.'];
  return firstAnswer({
    about: `reranker ${options.kind}`,
    told: `pipeline ${name}`,
    ask: () => reranker.score('how are offsets committed', passages),
    close: () => reranker.close(),
    level: 'warning',
    remedy: `Look at pipelines.${name}.reranker; meanwhile hits stay in the order of the rules.`,
  });
};

interface FirstAnswer {
  readonly about: string;
  /** Of one that answers, beside how long that took. */
  readonly told: string;
  ask(): Promise<unknown>;
  close(): Promise<void>;
  /** Of one that does not. */
  readonly level: Finding['level'];
  readonly remedy: string;
}

const firstAnswer = async ({ about, told, ask, close, level, remedy }: FirstAnswer): Promise<readonly Finding[]> => {
  const beganAt = systemTime.now();
  try {
    await ask();
    return [ok(about, `${told}, first answer after ${systemTime.now() - beganAt} ms`)];
  } catch (error) {
    return [{ level, about, finding: messageOf(error), remedy }];
  } finally {
    await close();
  }
};

export const sourceFindings = async (
  options: PipelineOptions,
  { config, data, environment }: Place,
  telemetry: Telemetry,
): Promise<readonly Finding[]> => {
  try {
    const open = sourcesFor({ config, data, environment, time: systemTime, telemetry });
    const sources = await open(options.sources);
    const found = await Promise.all(
      sources.map(async ({ instance, port }): Promise<readonly Finding[]> => {
        const about = `source ${instance}`;
        try {
          await port.probe();
          const checks = (await port.check()).map((one) => ({ about, ...one }));
          return checks.some(({ level }) => level === 'error') ? checks : [ok(about, 'answers'), ...checks];
        } catch (error) {
          const remedy = 'Look at its address and its token, and whether they hold from here.';
          return [{ level: 'error', about, finding: messageOf(error), remedy }];
        } finally {
          await port.close();
        }
      }),
    );
    return found.flat();
  } catch (error) {
    return [
      {
        level: 'error',
        about: 'sources',
        finding: messageOf(error),
        remedy: 'Look at the sources in the configuration.',
      },
    ];
  }
};
