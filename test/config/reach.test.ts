import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadConfig, reachOf } from '../../src/config/load.ts';
import type { OptionMeta } from '../../src/config/options.ts';
import { dotted } from '../../src/config/problems.ts';
import { Untrusted } from '../../src/config/reach.ts';
import { configSchema } from '../../src/config/schema.ts';
import { describe as described, elementOf, isChoice, isSection, optionsOf, sectionsOf } from '../../src/config/walk.ts';
import { foundIn } from '../../src/owner/place.ts';
import { neverTrusted } from '../support/found.ts';

let directory: string;
let repository: string;

beforeAll(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), 'tidemark-reach-')));
  repository = join(directory, 'repository');
  for (const made of ['repository/inside', 'outside']) await mkdir(join(directory, made), { recursive: true });
  await symlink(join(directory, 'outside'), join(repository, 'link'));
  await writeFile(join(directory, 'outside', 'key'), 'x');
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** What it reaches for, a line each. */
const reaching = async (content: string, env: Record<string, string> = {}, at = repository) => {
  const found = foundIn(repository, env);
  const { reaches } = await reachOf(content, join(at, 'tidemark.yaml'), env, found);
  return reaches.map(({ path, what }) => `${dotted(path)}: ${what}`);
};
const source = (text: string) => `pipelines: { a: { sources: [{ ${text} }] } }`;
const embedder = (text: string) => `pipelines: { a: { embedder: { ${text} } } }`;

describe('a file reaches for nothing', () => {
  it.each([
    [''],
    ['pipelines:\n  a:\n'],
    ['pipelines: { a: { include: ["docs/**"], exclude: [x], chunk: { tokens: 64 } } }'],
    [source('git: { path: . }')],
    [source('git: { path: inside }')],
    [source('git: { path: not-there/yet }')],
    ['data: inside/index'],
    ['store: { kind: qdrant }\nlog: { kind: kafka }'],
    ['store: { kind: qdrant, url: "http://[::1]:6333", apiKey: literal }'],
    ['log: { kind: kafka, brokers: [localhost:9092, 127.0.0.1:1, "[::1]:9092"] }'],
    [embedder('kind: openai, url: "http://127.1:8080/v1", apiKey: literal')],
    ['http: { host: localhost, port: 1 }\nlimits: { secrets: index }'],
    ['http: { hosts: [localhost] }\npipelines: { a: { include: ["$${NAME}"] } }'],
  ])('in %j', async (content) => {
    expect(await reaching(content)).toEqual([]);
  });

  it('where the environment says it in its place', async () => {
    const content =
      'store: { kind: qdrant, url: http://attacker.example }\nlog: { kind: kafka, brokers: [a:1] }\ndata: /x';
    expect(await reaching(content)).toHaveLength(3);
    const env = { TIDEMARK_QDRANT_URL: 'http://mine', TIDEMARK_KAFKA_BROKERS: 'mine:1', TIDEMARK_DATA: '/mine' };
    expect(await reaching(content, env)).toEqual([]);
    expect(await reaching(embedder('kind: openai, url: http://x.example'), { TIDEMARK_EMBEDDER: 'static' })).toEqual(
      [],
    );
    // A kind that the environment chose comes with the host that is usual for it.
    expect(await reaching('pipelines: { a: }', { TIDEMARK_EMBEDDER: 'openai' })).toEqual([]);
  });
});

describe('a file reaches for', () => {
  const file = (path: string) => `the file or directory "${path}"`;
  const host = (name: string) => `the host "${name}"`;

  it.each([
    ['a variable', 'http: { port: "${PORT:-1}" }', ['http.port: the variable PORT']],
    ['a variable where no option is', 'x: [{ y: "a ${NAME}" }]', ['x[0].y: the variable NAME']],
    ['a path outside', source('git: { path: ../outside }'), [`pipelines.a.sources[0].git.path: ${file('../outside')}`]],
    ['a path outside, by a link', source('git: { path: link }'), [`pipelines.a.sources[0].git.path: ${file('link')}`]],
    ['a path behind such a link', 'data: link/new', [`data: ${file('link/new')}`]],
    ['what only looks remote', source('git: { path: "x://[/../../outside" }'), [expect.stringContaining('git.path')]],
    ['what is remote', source('git: { path: "git@h.example:a.git" }'), [expect.stringContaining(host('h.example'))]],
    [
      'a file for a token',
      source('gitlab: { tokenFile: t, url: "http://localhost", groups: [a] }'),
      [expect.stringContaining(file('t'))],
    ],
    [
      'a host that is the default',
      source('gitlab: { groups: [a] }'),
      [`pipelines.a.sources[0].gitlab.url: ${host('gitlab.com')}`],
    ],
    [
      'the usual server of an embedder',
      embedder('kind: openai'),
      [`pipelines.a.embedder.url: ${host('api.openai.com')}`],
    ],
    ['the hub of a model', embedder('kind: transformers'), [`pipelines.a.embedder.hub: ${host('huggingface.co')}`]],
    [
      'the directory of a model',
      embedder('kind: transformers, model: ./m'),
      [`pipelines.a.embedder.model: ${file('./m')}`],
    ],
    [
      'a host behind what looks like this one',
      embedder('kind: openai, url: "http://localhost@evil.example"'),
      [`pipelines.a.embedder.url: ${host('evil.example')}`],
    ],
    [
      'a name that begins like this one',
      'http: { host: 127.evil.example }',
      [`http.host: ${host('127.evil.example')}`],
    ],
    ['every address', 'http: { host: 0.0.0.0 }', [`http.host: ${host('0.0.0.0')}`]],
    ['a page', 'http: { origins: ["https://evil.example"] }', [`http.origins[0]: ${host('evil.example')}`]],
    [
      'a caller',
      'http: { tokens: [{ name: a, token: 0123456789abcdef }] }',
      ['http.tokens[0].token: lets in whoever knows what stands there'],
    ],
    ['a sender', 'webhooks: { secrets: [s] }', ['webhooks.secrets[0]: lets in whoever knows what stands there']],
    ['a broker', 'log: { kind: kafka, brokers: ["evil.example:9092"] }', [`log.brokers[0]: ${host('evil.example')}`]],
    [
      'certificates',
      'log: { kind: kafka, tls: { ca: a, key: b } }',
      [`log.tls.ca: ${file('a')}`, `log.tls.key: ${file('b')}`],
    ],
    [
      'a reranker',
      'pipelines: { a: { reranker: { kind: tei, url: "http://r.example" } } }',
      [`pipelines.a.reranker.url: ${host('r.example')}`],
    ],
  ])('%s', async (_, content, expected) => {
    expect(await reaching(content)).toEqual(expected);
  });

  it('no value that it stands beside', async () => {
    const content = source('gitlab: { url: "https://me:SECRET@h.example/?token=SECRET", token: SECRET, groups: [x] }');
    expect((await reaching(content)).join('\n')).not.toContain('SECRET');
  });

  it('what lies above a folder of the repository only where it leaves the repository', async () => {
    const at = join(repository, 'inside');
    expect(await reaching(source('git: { path: .. }'), {}, at)).toEqual([]);
    expect(await reaching(source('git: { path: ../.. }'), {}, at)).toHaveLength(1);
  });
});

it('nothing is filled in, and no secret file is read, of a file that nobody has vouched for', async () => {
  const asked: string[] = [];
  const loading = loadConfig({
    env: { NAME_FILE: '/run/secrets/name', PORT: 'SECRET' },
    cwd: repository,
    read: async (path) => {
      asked.push(path);
      return 'http: { port: "${PORT}", host: "${NAME}" }';
    },
    found: neverTrusted,
  });
  await expect(loading).rejects.toBeInstanceOf(Untrusted);
  await expect(loading).rejects.not.toThrow('SECRET');
  expect(asked).toEqual([join(repository, 'tidemark.yaml')]);
});

/** Whoever adds an option that leads elsewhere has to say so, and this list is where that is looked at. */
it('every option that leads beyond the repository says so', () => {
  const found = new Map<string, OptionMeta['reaches']>();
  const look = (path: string, schema: Parameters<typeof described>[0]): void => {
    const { core, meta } = described(schema);
    if (meta.reaches) found.set(path, meta.reaches);
    const element = elementOf(core);
    if (element) look(`${path}[]`, element);
    for (const section of isChoice(core) ? sectionsOf(core) : isSection(core) ? [core] : [])
      for (const [name, option] of optionsOf(section)) look(path === '' ? name : `${path}.${name}`, option);
  };
  look('', configSchema);
  const of = (kind: OptionMeta['reaches']) => [...found].flatMap(([path, is]) => (is === kind ? [path] : []));
  expect(of('host')).toEqual([
    'pipelines[].sources[].gitlab.url',
    'pipelines[].embedder.url',
    'pipelines[].reranker.url',
    'log.brokers[]',
    'log.sasl.tokenUrl',
    'store.url',
    'http.host',
    'http.hosts[]',
    'http.origins[]',
    'webhooks.url',
  ]);
  expect(of('file')).toEqual([
    'pipelines[].sources[].gitlab.tokenFile',
    'pipelines[].embedder.cache',
    'log.tls.ca',
    'log.tls.cert',
    'log.tls.key',
  ]);
  expect(of('place')).toEqual(['pipelines[].sources[].git.path', 'data']);
  expect(of('caller')).toEqual(['http.tokens[].token', 'webhooks.secrets[]']);
  expect([...of('model'), ...of('hub')]).toEqual(['pipelines[].embedder.model', 'pipelines[].embedder.hub']);
});
