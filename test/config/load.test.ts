import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { type Loaded, loadConfig } from '../../src/config/load.ts';
import { BadConfiguration } from '../../src/errors.ts';
import { GIB, MIB } from '../../src/units.ts';
import { alwaysTrusted } from '../support/found.ts';

type Env = Record<string, string>;

const load = (content: string | undefined, env: Env = {}): Promise<Loaded> =>
  loadConfig({
    env,
    cwd: '/home/me/project',
    read: async (path) => (path === `/home/me/project/${env.TIDEMARK_CONFIG ?? 'tidemark.yaml'}` ? content : undefined),
    found: alwaysTrusted,
  });
const config = async (content: string | undefined, env: Env = {}) => (await load(content, env)).config;

/** What is wrong, a line each. */
const refusal = async (content: string | undefined, env: Env = {}): Promise<string[]> => {
  const error = await load(content, env).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BadConfiguration);
  return (error as BadConfiguration).message
    .split('\n')
    .slice(1)
    .map((line) => line.trim());
};

describe('without a file', () => {
  it('the Git repository of the current directory is kept in step, on embedded parts', async () => {
    const { config: found, file } = await load(undefined);
    expect(file).toBeUndefined();
    expect(found).toMatchObject({
      pipelines: {
        default: {
          sources: [{ git: { name: 'project', path: '/home/me/project', pollMs: 500 } }],
          include: ['**/*'],
          chunk: { tokens: 256 },
          embedder: { kind: 'static' },
        },
      },
      log: { kind: 'embedded' },
      store: { kind: 'embedded' },
      http: { host: '127.0.0.1', port: 7717 },
      webhooks: { secrets: [] },
      limits: { window: { records: 400, bytes: 8 * MIB }, textBytes: 4 * MIB, retryMinutes: 15 },
    });
    expect(found.data).toBeUndefined();
  });

  it('is what an empty file says too, and one of comments', async () => {
    for (const content of ['', '\n', '# nothing yet\n', '---\n', 'pipelines:\nlog:\nlimits: { window: }\n'])
      expect(await config(content)).toEqual(await config(undefined));
  });

  it('is an error when one was named', async () => {
    await expect(load(undefined, { TIDEMARK_CONFIG: 'other.yaml' })).rejects.toThrow(
      /TIDEMARK_CONFIG names "other.yaml"/,
    );
  });
});

describe('the file', () => {
  const example = `
pipelines:
  default:
    sources:
      - gitlab: { name: main, url: https://gitlab.example.com, token: \${GITLAB_TOKEN}, groups: [team] }
      - git: { name: handbook, path: ../handbook }
    include: ["**/*"]
    exclude: ["vendor/**"]
    chunk: { tokens: 256 }
    embedder: { kind: static }
log: { kind: kafka, brokers: [kafka:9092] }
store: { kind: qdrant, url: http://qdrant:6333 }
http: { port: 7717 }
webhooks: { secrets: [\${GITLAB_WEBHOOK_SECRET}] }     # POST /webhooks/gitlab
`;
  const env = { GITLAB_TOKEN: 'glpat-1', GITLAB_WEBHOOK_SECRET: 'whsec' };

  it('may be written as the design writes it', async () => {
    expect(await config(example, env)).toMatchObject({
      pipelines: {
        default: {
          sources: [
            { gitlab: { name: 'main', url: 'https://gitlab.example.com', token: 'glpat-1', groups: ['team'] } },
            { git: { name: 'handbook', path: '/home/me/handbook' } },
          ],
          exclude: ['vendor/**'],
        },
      },
      log: { kind: 'kafka', brokers: ['kafka:9092'] },
      store: { kind: 'qdrant', url: 'http://qdrant:6333' },
      webhooks: { secrets: ['whsec'] },
    });
  });

  it('may have a byte order mark and the line ends of Windows', async () => {
    expect(await config(`\uFEFF${example.replaceAll('\n', '\r\n')}`, env)).toEqual(await config(example, env));
    const [line] = await refusal('\uFEFFhttp:\r\n  port: 7717\r\nlog:\r\n  kind: tape\r\n');
    expect(line).toBe('tidemark.yaml:4:3: log.kind: expected embedded or kafka, got "tape"');
  });

  it('says what its own paths are relative to', async () => {
    const { config: found, file } = await load('data: store\npipelines: { a: { sources: [{ git: { path: x } }] } }', {
      TIDEMARK_CONFIG: 'conf/t.yaml',
    });
    expect(file).toBe('/home/me/project/conf/t.yaml');
    expect(found.data).toBe('/home/me/project/conf/store');
    expect(found.pipelines.a?.sources[0]?.git?.path).toBe('/home/me/project/conf/x');
  });

  it('leaves the address of a remote repository as it is, and names the source after it', async () => {
    for (const path of ['https://example.com/team/website.git', 'git@example.com:team/website.git']) {
      const found = await config(`pipelines: { a: { sources: [{ git: { path: "${path}" } }] } }`);
      expect(found.pipelines.a?.sources[0]?.git).toMatchObject({ path, name: 'website' });
    }
  });

  it('may write sizes with units', async () => {
    const found = await config('limits: { fileBytes: 1.5 MiB, textBytes: 65536, window: { bytes: "1 GiB" } }');
    expect(found.limits).toMatchObject({ fileBytes: 1.5 * 1024 ** 2, textBytes: 65_536, window: { bytes: GIB } });
  });

  it('may take numbers from variables', async () => {
    expect((await config('http: { port: ${PORT} }', { PORT: '80' })).http.port).toBe(80);
    expect((await config('http: { port: "${PORT:-81}" }')).http.port).toBe(81);
  });

  it('keeps a token a text though it looks like a number', async () => {
    expect((await config('webhooks: { secrets: ["${S}"] }', { S: '0123' })).webhooks.secrets).toEqual(['0123']);
    expect((await config('webhooks: { secrets: [${S}] }', { S: '0123' })).webhooks.secrets).toEqual(['0123']);
  });
});

describe('the environment', () => {
  it('goes before the file', async () => {
    const found = await config('http: { port: 1 }\ndata: /in/file\n', {
      TIDEMARK_HTTP_PORT: '2',
      TIDEMARK_DATA: 'mine',
    });
    expect(found.http.port).toBe(2);
    expect(found.data).toBe('/home/me/project/mine');
  });

  it('makes it Kafka and Qdrant without a file', async () => {
    const found = await config(undefined, {
      TIDEMARK_LOG: 'kafka',
      TIDEMARK_KAFKA_BROKERS: 'a:9092, b:9092',
      TIDEMARK_STORE: 'qdrant',
      TIDEMARK_QDRANT_URL: 'http://q:6333',
      TIDEMARK_QDRANT_API_KEY: 'k',
    });
    expect(found.log).toMatchObject({ kind: 'kafka', brokers: ['a:9092', 'b:9092'] });
    expect(found.store).toMatchObject({ kind: 'qdrant', url: 'http://q:6333', apiKey: 'k' });
  });

  it('leaves out the options of the kind that it replaces', async () => {
    const file = 'log: { kind: kafka, brokers: [a:1] }';
    expect((await config(file, { TIDEMARK_LOG: 'embedded' })).log).toEqual({ kind: 'embedded' });
    expect((await config(file, { TIDEMARK_LOG: 'kafka' })).log).toMatchObject({ kind: 'kafka', brokers: ['a:1'] });
  });

  it('says nothing about a kind that is not in use', async () => {
    const env = { TIDEMARK_KAFKA_BROKERS: 'a:1', TIDEMARK_QDRANT_URL: 'http://q', TIDEMARK_QDRANT_API_KEY: 'k' };
    expect(await config(undefined, env)).toEqual(await config(undefined));
  });

  it('says nothing where it is empty', async () => {
    expect(await config(undefined, { TIDEMARK_LOG: '', TIDEMARK_CONFIG: '' })).toEqual(await config(undefined));
  });

  it('sets the embedder of every pipeline', async () => {
    const found = await config('pipelines: { a: { embedder: { kind: static } }, b: }', { TIDEMARK_EMBEDDER: 'openai' });
    expect(Object.values(found.pipelines).map(({ embedder }) => embedder)).toEqual([
      expect.objectContaining({ kind: 'openai' }),
      expect.objectContaining({ kind: 'openai' }),
    ]);
    expect((await config(undefined, { TIDEMARK_EMBEDDER: 'openai' })).pipelines.default?.embedder.kind).toBe('openai');
  });

  it('is named where it is wrong', async () => {
    const env = { TIDEMARK_HTTP_PORT: 'http', TIDEMARK_LOG: 'kafka', TIDEMARK_KAFKA_BROKERS: 'a,b:1' };
    expect(await refusal('pipelines: { a: , b: }', { ...env, TIDEMARK_EMBEDDER: 'magic' })).toEqual([
      'TIDEMARK_EMBEDDER: expected static, transformers or openai, got "magic"',
      'TIDEMARK_KAFKA_BROKERS: expected host:port, got "a"',
      'TIDEMARK_HTTP_PORT: expected a whole number from 0 to 65535, got "http"',
    ]);
  });
});

describe('a refusal', () => {
  it.each([
    ['http: { prot: 1 }', '1:9: http.prot: there is no such option: did you mean "port"?'],
    ['stroe: {}', '1:1: stroe: there is no such option: did you mean "store"?'],
    ['log: { kind: kafka, borkers: [] }', '1:21: log.borkers: there is no such option: did you mean "brokers"?'],
    ['log: { brokers: [a:1] }', '1:1: log.kind: expected embedded or kafka, got nothing'],
    ['http: { zzz: 1 }', '1:9: http.zzz: there is no such option; there are host, port'],
    ['store: qdrant', '1:1: store: expected a section with the kind embedded or qdrant, got "qdrant"'],
    ['http:\n  port: 70000', '2:3: http.port: expected a whole number from 0 to 65535, got 70000'],
    ['http:\n  port: 1.5', '2:3: http.port: expected a whole number from 0 to 65535, got 1.5'],
    ['http:\n  port: ""', '2:3: http.port: expected a whole number from 0 to 65535, got ""'],
    ['pipelines: { My_Docs: }', '1:14: pipelines.My_Docs: expected a name of at most 60 small letters'],
    ['pipelines: {}', '1:1: pipelines: expected at least one pipeline'],
    ['pipelines:\n  a:\n    sources: []', '3:5: pipelines.a.sources: expected a list'],
    [
      'pipelines:\n  a:\n    include:\n      - 1\n',
      '4:9: pipelines.a.include[0]: expected a pattern as in a `.gitignore`',
    ],
    ['pipelines: { a: { sources: [{}] } }', '1:29: pipelines.a.sources[0]: expected one of git and gitlab'],
    [
      'pipelines: { a: { sources: [{ gitlab: }] } }',
      '1:31: pipelines.a.sources[0].gitlab: expected groups or projects',
    ],
    ['limits: { textBytes: 4 MB }', '1:11: limits.textBytes: expected a size such as 4 MiB, from 1 KiB to 64 MiB'],
    ['http: { [a, b]: 1 }', '1:9: expected a name before the colon'],
    ['- 1', '1:1: expected a section with pipelines'],
    ['http: { port: 1', '1:16: expected YAML:'],
    ['a: 1\na: 2', '2:1: expected YAML: Map keys must be unique'],
  ])('of %j says where, and what was expected', async (content, beginning) => {
    const [first, ...others] = await refusal(content);
    expect(first?.startsWith(`tidemark.yaml:${beginning}`), first).toBe(true);
    expect(others).toEqual([]);
  });

  it('names everything at once, in the order of the file', async () => {
    expect(await refusal('store: { kind: disk }\nhttp: { port: x }\nlgo: {}\n')).toEqual([
      'tidemark.yaml:1:10: store.kind: expected embedded or qdrant, got "disk"',
      'tidemark.yaml:2:9: http.port: expected a whole number from 0 to 65535, got "x"',
      'tidemark.yaml:3:1: lgo: there is no such option: did you mean "log"?',
    ]);
  });

  it('names a variable that is not set, and says nothing else of that value', async () => {
    expect(await refusal('http: { port: ${NO_SUCH_PORT} }')).toEqual([
      'tidemark.yaml:1:15: the environment has no NO_SUCH_PORT: set it, or write ${NO_SUCH_PORT:-default}',
    ]);
  });

  it('never quotes a secret', async () => {
    const secret = 'glpat-SECRET';
    const contents = [
      `pipelines: { a: { sources: [{ gitlab: { groups: [x], token: [${secret}] } }] } }`,
      `webhooks: { secrets: [{ x: ${secret} }] }`,
      `webhooks: { secrets: "${secret}`,
      `webhooks: 'x' ${secret}`,
      `webhooks: { secrets: [${secret} } }`,
      `store: { kind: qdrant, url: "ftp://me:${secret}@host" }`,
      `store: { kind: qdrant, apikey: ${secret} }`,
      // Where a section was forgotten around it.
      `http: { tokens: [${secret}] }`,
      `http: { tokens: ${secret} }`,
      `webhooks: ${secret}`,
      `store: ${secret}`,
      `log: { kind: kafka, sasl: ${secret} }`,
      `pipelines: { a: { sources: [${secret}] } }`,
      `pipelines: { a: { sources: [{ gitlab: ${secret} }] } }`,
      `pipelines: { a: { embedder: { kind: openai, url: "https://${secret}@h" } } }`,
      `pipelines: { a: { embedder: { kind: openai, extra: ${secret} } } }`,
      // Where another option was meant, and it is long enough to tell.
      `store: { kind: qdrant, url: glpat-0123456789-SECRET }`,
      `http: { port: glpat-0123456789-SECRET }`,
      `pipelines: { a: { chunk: glpat-0123456789-SECRET } }`,
    ];
    for (const content of contents) expect((await refusal(content)).join('\n')).not.toContain('SECRET');
  });

  it('quotes what stands in the file, and not what a variable has made of it', async () => {
    expect(await refusal('http: { port: "${WHERE}" }', { WHERE: 'SECRET' })).toEqual([
      'tidemark.yaml:1:9: http.port: expected a whole number from 0 to 65535, got "${WHERE}"',
    ]);
  });

  it('refuses a user in the URL of what takes none, rather than at each request', async () => {
    for (const [path, content] of [
      ['sources[0].gitlab.url', 'sources: [{ gitlab: { url: "https://me:pw@h", groups: [x] } }]'],
      ['embedder.url', 'embedder: { kind: openai, url: "https://me:pw@h" }'],
      ['embedder.hub', 'embedder: { kind: transformers, hub: "https://me@h" }'],
      ['reranker.url', 'reranker: { kind: tei, url: "https://me@h" }'],
    ]) {
      const [line] = await refusal(`pipelines: { a: { ${content} } }`);
      expect(line).toContain(
        `pipelines.a.${path}: expected a URL that starts with https:// or http:// and has no user`,
      );
      expect(line).toContain('got "https://***@h"');
    }
    expect((await config('store: { kind: qdrant, url: "https://me:pw@h" }')).store).toMatchObject({ kind: 'qdrant' });
  });

  const BEYOND = '1:1: expected YAML that is less long, and with fewer sections inside of each other';
  it.each([
    ['x: &a { b: *a }', '1:12: expected an end: *a stands inside of itself'],
    ['x: &a\n  - c: { d: [*a] }', '2:14: expected an end: *a stands inside of itself'],
    ['limits: &a { window: *a }', '1:22: expected an end: *a stands inside of itself'],
    ['['.repeat(10_000), BEYOND],
    [`x: ${'{ a: '.repeat(5000)}`, BEYOND],
    ['a: b\n'.repeat(50_000), BEYOND],
    ['&a '.repeat(50_000), BEYOND],
    [`a: &a x\n${'- *a\n'.repeat(500)}`, BEYOND],
    [`data: ${'${'.repeat(100_000)}`, '1:7: expected ${NAME}'],
    [`data: ${'${A:-'.repeat(50_000)}`, '1:7: expected ${NAME}'],
    [
      Array.from({ length: 50 }, (_, at) => `a${at}: &a${at} ${'['.repeat(90)}*a${at - 1}${']'.repeat(90)}`).join('\n'),
      BEYOND,
    ],
    [`${'- '.repeat(5000)}x`, BEYOND],
    [Array.from({ length: 1000 }, (_, at) => `${' '.repeat(at)}a:`).join('\n'), BEYOND],
  ])('is the end of a file without end (%#)', async (content, beginning) => {
    const [first] = await refusal(content);
    expect(first?.startsWith(`tidemark.yaml:${beginning}`), first).toBe(true);
  });

  it('is no matter of brackets in a text', async () => {
    await config(`pipelines: { a: { include: ["${'['.repeat(500)}"] } } # ${'{'.repeat(500)}`);
    await config('pipelines: { a: { include: &globs ["x/**"], exclude: *globs }, b: { include: *globs } }');
  });

  it('is all that a file can end in, whatever stands in it', async () => {
    const key = fc.constantFrom(
      'pipelines',
      'log',
      'kind',
      'http',
      'port',
      '__proto__',
      'constructor',
      'limits',
      'git',
      '<<',
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom<unknown>(null, true, 7, 'kafka', '${X}', '${X:-y}', '*a', [], {}),
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(key, tie('tree'), { maxKeys: 4 }),
      ),
    }));
    const file = fc.oneof(
      tree.map((value) => JSON.stringify(value)),
      tree.map((value) => stringify(value)),
      fc.string({ unit: fc.constantFrom(...'{}[]:,-&*?|>\'"%@#!$\n a1\r\t') }),
    );
    await fc.assert(
      fc.asyncProperty(
        file,
        fc.constantFrom({}, { TIDEMARK_LOG: 'kafka', TIDEMARK_EMBEDDER: 'openai' }),
        async (content, env) => {
          const error = await load(content, env).then(
            () => undefined,
            (reason: unknown) => reason,
          );
          if (error !== undefined) expect(error).toBeInstanceOf(BadConfiguration);
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('meets a file that grows without end when it is read', async () => {
    const bomb = ['a: &a [x, x, x, x, x, x, x, x, x]', 'b: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a]'];
    bomb.push('c: &c [*b, *b, *b, *b, *b, *b, *b, *b, *b]', 'd: [*c, *c, *c, *c, *c, *c, *c, *c, *c]');
    expect((await refusal(bomb.join('\n')))[0]).toMatch(/expected YAML: .*alias/);
  });
});

describe('pipelines side by side', () => {
  const side = (a: string, b: string) => `pipelines:\n  a: { ${a} }\n  b: { ${b} }\n`;

  it('have names of their own', async () => {
    expect(Object.keys((await config(side('', ''))).pipelines)).toEqual(['a', 'b']);
  });

  it.each([
    ['the alias of the other', 'alias: docs', 'alias: docs', 'pipelines.b.alias'],
    ['the alias that the other has by default', 'chunk:', 'alias: tidemark-a', 'pipelines.b.alias'],
    ["the other's state as an alias", 'alias: docs', 'alias: docs-state', 'pipelines.b.alias'],
    ["one of the other's collections as an alias", 'alias: docs-0a1b2c', 'alias: docs', 'pipelines.b.alias'],
    ['the topics of the other', 'topics: docs', 'topics: docs', 'pipelines.b.topics'],
    ['topics that Kafka cannot tell apart', 'topics: x.docs', 'topics: x_docs', 'pipelines.b.topics'],
    ['topics that lie among those of the other', 'topics: x.plan', 'topics: x.plan', 'pipelines.b.topics'],
  ])('are refused with %s', async (_, a, b, path) => {
    expect((await refusal(side(a, b))).join('\n')).toContain(`${path}: expected names of its own, and "a" has`);
  });

  it('may not have two sources of one name', async () => {
    const sources = (text: string) => `pipelines: { a: { sources: [${text}] } }`;
    await expect(config(sources('{ git: { path: x/docs } }, { git: { path: y/docs } }'))).rejects.toThrow('"docs" too');
    await expect(config(sources('{ gitlab: { name: git, groups: [x] } }'))).rejects.toThrow('plain repositories');
    await config(sources('{ git: { path: x, name: one } }, { gitlab: { name: one, groups: [x] } }'));
  });
});

describe('a token that is bound to a user', () => {
  const tokens = (as: string) => `http: { tokens: [{ name: jane, token: 0123456789abcdef, as: ${as} }] }\n`;
  const gitlab = (name: string, host: string) => `{ gitlab: { name: ${name}, url: "https://${host}", groups: [x] } }`;
  const pipeline = (...sources: string[]) => `{ sources: [${sources.join(', ')}] }`;
  const one = `pipelines: { a: ${pipeline(gitlab('main', 'a.example'), gitlab('wikis', 'a.example/'))} }\n`;
  const two = `pipelines: { a: ${pipeline(gitlab('main', 'a.example'), gitlab('extern', 'b.example'))} }\n`;
  const apart = `pipelines: { a: ${pipeline(gitlab('main', 'a.example'))}, b: ${pipeline(gitlab('main', 'b.example'))} }\n`;

  it('needs no instance where there is one GitLab, and the instance where there are several', async () => {
    for (const text of [`${one}${tokens('jane')}`, `${one}${tokens('jane@wikis')}`, `${two}${tokens('jane@extern')}`])
      await config(text);
    expect(await refusal(`${two}${tokens('jane')}`)).toEqual([
      expect.stringMatching(
        /^tidemark.yaml:2:\d+: http.tokens\[0\].as: expected the instance too, .*: "jane@main" or "jane@extern", got "jane"$/,
      ),
    ]);
  });

  it.each([
    ['an instance that is not there', two, 'jane@mian', 'expected an instance that is configured: "jane@main"'],
    ['an address of mail', two, 'jane@example.com', 'expected an instance that is configured'],
    ['what is no name', two, '"@jane"', 'expected a user of GitLab, as "jane" or "jane@instance"'],
    ['a user and no GitLab', '', 'jane', 'expected a GitLab among the sources that knows the user'],
    ['a name of two GitLabs in two pipelines', apart, 'jane@main', 'expected one GitLab that is called "main"'],
    ['no instance and two pipelines', apart, 'jane', 'expected the instance too'],
  ])('is refused with %s', async (_, sources, as, message) => {
    expect((await refusal(`${sources}${tokens(as)}`)).join('\n')).toContain(message);
  });
});

describe('patterns', () => {
  const withOptions = (options: object, refs: readonly string[] = []) =>
    stringify({ pipelines: { default: { sources: [{ git: { path: '.', refs } }], ...options } } });

  it('are taken as they are written, whatever letters they have', async () => {
    const refs = ['feature-x', 'release-*', 'a&b', '(x', 'é😀'];
    const include = ['[a&b]*', '(x', '*a*a*a*b', '😀'];
    const { pipelines } = await config(withOptions({ include }, refs));
    expect(pipelines.default).toMatchObject({ include, sources: [{ git: { refs } }] });
  });

  it('that cannot be followed are refused with their place', async () => {
    const long = 'a'.repeat(1_001);
    expect(await refusal(withOptions({}, ['main', 'a b', '[x]', 'a\u0001']))).toMatchObject([
      expect.stringMatching(
        /^tidemark.yaml:\d+:\d+: pipelines.default.sources\[0\].git.refs\[1\]: expected a branch .*"a b"/,
      ),
      expect.stringContaining('refs[2]: expected a branch'),
      expect.stringContaining('refs[3]: expected a branch'),
    ]);
    expect(await refusal(withOptions({ exclude: ['ok', long] }))).toMatchObject([
      expect.stringMatching(/exclude\[1\]: expected a pattern as in a `.gitignore`, of at most 1000 characters/),
    ]);
    expect(await refusal(withOptions({ include: Array.from({ length: 101 }, () => 'a'.repeat(1_000)) }))).toMatchObject(
      [expect.stringContaining('include: expected a list of at most 100000 characters')],
    );
    const token = { name: 'me', token: 'a-token-of-sixteen', projects: [`${'{'.repeat(11)}${'}'.repeat(11)}`] };
    expect(await refusal(stringify({ http: { tokens: [token] } }))).toMatchObject([
      expect.stringContaining('projects[0]: expected a glob'),
    ]);
  });
});
