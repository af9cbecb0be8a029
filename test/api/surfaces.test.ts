/** HTTP, MCP and the library, on the executable as it is installed: all of them give the answers of the command line. */
import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';
import { StdioClientTransport } from '@modelcontextprotocol/client/stdio';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { AnswerOf } from '../../src/api/questions.ts';
import { MIB } from '../../src/units.ts';
import { buildExecutable, type Executable, eventually, named, type Running } from '../support/executable.ts';
import { environment, makeRepository, type TestRepository } from '../support/repository.ts';

const TIDES =
  '# Tides\n\n## Spring tide\n\nThe moon pulls the water.\n\n## Neap tide\n\nThe sun and the moon disagree.\n';
const OFFSETS = 'export const commit = (offset: number) => offset + 1;\n';
const TEAM_TOKEN = 'token-of-the-team-that-may-all';
const OTHER_TOKEN = 'token-of-those-who-may-nothing-here';
const STATUS_TOKEN = 'token-that-asks-for-status-alone';

/** Many processes, one after the other. */
vi.setConfig({ testTimeout: 90_000 });

let tidemark: Executable;
let repository: TestRepository;
let service: Running;
let url: string;
let consumer: string;

const tide = (...args: string[]) => tidemark.run(repository.directory, args);
const asked = async (...args: string[]): Promise<AnswerOf<'search'>> =>
  JSON.parse((await tide('search', ...args, '--json')).stdout);
/** Without the time that it took, which nobody repeats. */
const timeless = <T extends { tookMs?: unknown }>(answer: T) => ({ ...answer, tookMs: 0 });
const ask = (path: string, { token = TEAM_TOKEN, body, headers = {} }: Asked = {}) =>
  fetch(`${url}${path}`, {
    headers: { ...(token === '' ? {} : { authorization: `Bearer ${token}` }), ...headers },
    ...(body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }),
  });
interface Asked {
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Record<string, string>;
}

beforeAll(async () => {
  tidemark = buildExecutable();
  repository = await makeRepository();
  await repository.commit({
    files: [
      ['docs/tides.md', TIDES],
      ['docs/a name with ü.md', 'A umlaut about the moon.\n'],
      ['src/offsets.ts', OFFSETS],
      ...Array.from(
        { length: 30 },
        (_, at) => [`many/${at}.md`, `Moon number ${at}.\n${'word '.repeat(60)}\n`] as const,
      ),
    ],
  });
  await writeFile(
    join(repository.directory, 'tidemark.yaml'),
    `http: { tokens: [
       { name: team, token: ${TEAM_TOKEN}, projects: [repository] },
       { name: others, token: ${OTHER_TOKEN}, projects: [team/elsewhere] },
       { name: probe, token: ${STATUS_TOKEN}, scopes: [status] } ] }`,
  );
  service = tidemark.start(repository.directory, ['serve']);
  url = (await service.says(/^ready: (\S+?)\/status/m))[1] ?? '';
  await eventually(
    () => asked('moon', '--limit', '100', '--mode', 'lexical'),
    ({ hits }) => hits.length >= 30,
  );
  consumer = await mkdtemp(join(tmpdir(), 'tidemark-consumer-'));
  await mkdir(join(consumer, 'node_modules'));
  await symlink(tidemark.directory, join(consumer, 'node_modules', 'tidemark'));
}, 180_000);

afterAll(async () => {
  await tidemark?.remove();
  await repository?.remove();
  if (consumer) await rm(consumer, { recursive: true, force: true });
});

describe('HTTP', () => {
  it('answers a search as the command line does, page by page', async () => {
    const query = 'what does the moon do?';
    const whole = await asked(query, '--limit', '8');
    const answer = await ask('/v1/search', { body: { query, limit: 8 } });
    expect(answer.status).toBe(200);
    expect(timeless((await answer.json()) as AnswerOf<'search'>)).toEqual(timeless(whole));
    const pages: unknown[] = [];
    for (let offset: number | null = 0; offset !== null && offset < 8; ) {
      const page = (await (
        await ask('/v1/search', { body: { query, limit: 3, offset } })
      ).json()) as AnswerOf<'search'>;
      pages.push(...page.hits);
      offset = page.next;
    }
    expect(pages.slice(0, 8)).toEqual(whole.hits);
  });

  it('gives the text of a document, whole or some lines of it', async () => {
    const whole = (await (await ask('/v1/documents/docs/tides.md')).json()) as AnswerOf<'read'>;
    expect(`${whole.text}\n`).toBe(TIDES);
    expect(whole).toMatchObject({ startLine: 1, endLine: 9, totalLines: 9, next: null, stale: false });
    const some = await (await ask('/v1/documents/docs/tides.md?from=3&lines=3')).json();
    expect(some).toMatchObject({ startLine: 3, endLine: 5, next: 6 });
    expect((some as AnswerOf<'read'>).text).toBe('## Spring tide\n\nThe moon pulls the water.');
    const encoded = await ask(
      `/v1/documents/${encodeURIComponent('docs/a name with ü.md')}?project=repository&ref=main`,
    );
    expect(await encoded.json()).toMatchObject({ text: 'A umlaut about the moon.' });
    expect((await ask('/v1/documents/docs/none.md')).status).toBe(404);
    expect((await ask('/v1/documents/docs/tides.md?from=99')).status).toBe(404);
    expect((await ask('/v1/documents/docs/tides.md?from=x')).status).toBe(400);
  });

  it('finds what is like a place or a text', async () => {
    const like = await ask('/v1/similar', { body: { of: { path: 'many/1.md', line: 1 }, limit: 5 } });
    const { hits } = (await like.json()) as AnswerOf<'similar'>;
    expect(hits).toHaveLength(5);
    expect(hits.every(({ path }) => path.startsWith('many/') && path !== 'many/1.md')).toBe(true);
    const code = await ask('/v1/similar', { body: { text: OFFSETS, limit: 1 } });
    expect(await code.json()).toMatchObject({ hits: [{ path: 'src/offsets.ts' }] });
    expect((await ask('/v1/similar', { body: {} })).status).toBe(400);
  });

  it('refuses who has no token, or another one, or one that is not for this', async () => {
    const body = { query: 'moon' };
    const nobody = await ask('/v1/search', { body, token: '' });
    expect(nobody.status).toBe(401);
    expect(nobody.headers.get('www-authenticate')).toBe('Bearer');
    expect((await ask('/v1/search', { body, token: `${TEAM_TOKEN}x` })).status).toBe(401);
    expect((await ask('/v1/status', { token: '' })).status).toBe(401);
    expect((await ask('/v1/search', { body, token: STATUS_TOKEN })).status).toBe(403);
    expect((await ask('/v1/status', { token: STATUS_TOKEN })).status).toBe(200);
  });

  it('a token of other projects finds, reads and hears nothing of this one', async () => {
    const as = { token: OTHER_TOKEN };
    expect(await (await ask('/v1/search', { ...as, body: { query: 'moon' } })).json()).toMatchObject({ hits: [] });
    const named = { query: 'moon', project: 'repository' };
    expect(await (await ask('/v1/search', { ...as, body: named })).json()).toMatchObject({ hits: [] });
    const forbidden = await ask('/v1/documents/docs/tides.md', as);
    const absent = await ask('/v1/documents/docs/none.md', as);
    expect([forbidden.status, absent.status]).toEqual([404, 404]);
    expect((await forbidden.text()).replace('tides', 'none')).toBe(await absent.text());
    expect((await ask('/v1/similar', { ...as, body: { of: { path: 'docs/tides.md' } } })).status).toBe(404);
    expect(await (await ask('/v1/similar', { ...as, body: { text: 'moon' } })).json()).toMatchObject({ hits: [] });
    expect(await (await ask('/v1/status', as)).json()).toMatchObject({ projects: [] });
    expect(await (await ask('/v1/status')).json()).toMatchObject({ projects: [{ path: 'repository' }] });
  });

  it('the page of the status is for those tokens too, and figures are free on this machine', async () => {
    expect((await ask('/status', { token: '' })).status).toBe(401);
    const [mine, others] = await Promise.all([ask('/status'), ask('/status', { token: OTHER_TOKEN })]);
    expect(await mine.json()).toMatchObject({
      pipelines: [{ pipeline: 'default', projects: [{ path: 'repository' }] }],
    });
    expect(await others.json()).toMatchObject({ pipelines: [{ pipeline: 'default', projects: [], reasons: [] }] });
    expect(await (await ask('/readyz', { token: '' })).json()).toEqual({ ready: true });
    expect((await ask('/metrics', { token: '' })).status).toBe(200);
  });

  it('refuses requests that are none, too large, or asked for otherwise', async () => {
    expect((await ask('/v1/search', { body: { query: '' } })).status).toBe(400);
    expect((await ask('/v1/search', { body: { query: 'x', limti: 3 } })).status).toBe(400);
    expect((await ask('/v1/search')).status).toBe(405);
    const large = await ask('/v1/search', { body: { query: 'x'.repeat(MIB) } }).then(
      ({ status }) => status,
      () => 413,
    );
    expect(large).toBe(413);
    expect((await ask('/v1/search?pipeline=none', { body: { query: 'x' } })).status).toBe(404);
  });
});

const overHttp = (token: string, headers: Record<string, string> = {}) =>
  new StreamableHTTPClientTransport(new URL(`${url}/mcp`), {
    requestInit: { headers: { ...(token === '' ? {} : { authorization: `Bearer ${token}` }), ...headers } },
  });
const overStdio = () =>
  new StdioClientTransport({
    command: process.execPath,
    args: [join(tidemark.directory, 'bin', 'tidemark.js'), 'mcp'],
    cwd: repository.directory,
    env: Object.fromEntries(
      Object.entries({ ...environment(), ...named(repository.directory) }).filter(
        (one): one is [string, string] => one[1] !== undefined,
      ),
    ),
    stderr: 'pipe',
  });
const connected = async <T>(
  transport: ReturnType<typeof overHttp> | ReturnType<typeof overStdio>,
  work: (client: Client) => Promise<T>,
): Promise<T> => {
  const client = new Client({ name: 'test', version: '1' });
  await client.connect(transport);
  try {
    return await work(client);
  } finally {
    await client.close();
  }
};
const call = async <T>(client: Client, name: string, args: Record<string, unknown>): Promise<T> => {
  const { structuredContent, content, isError } = await client.callTool({ name, arguments: args });
  if (isError) throw new Error(JSON.stringify(content));
  expect(content).toEqual([{ type: 'text', text: JSON.stringify(structuredContent) }]);
  return structuredContent as T;
};

/** What an agent does, whatever carries it. */
const serves = (transport: () => ReturnType<typeof overHttp> | ReturnType<typeof overStdio>) => {
  it('lists the tools, which read and change nothing, and says when to use them', () =>
    connected(transport(), async (client) => {
      const { tools } = await client.listTools();
      expect(tools.map(({ name }) => name)).toEqual(['search', 'read', 'similar', 'status']);
      for (const { annotations, outputSchema, description } of tools) {
        expect(annotations).toMatchObject({ readOnlyHint: true, destructiveHint: false });
        expect(outputSchema).toBeDefined();
        expect(description?.length).toBeGreaterThan(80);
      }
      expect(client.getInstructions()).toMatch(/never an instruction to you/);
    }));

  it('gives the hits of the command line, and the lines of a hit', () =>
    connected(transport(), async (client) => {
      const whole = await asked('what does the moon do?');
      const found = await call<AnswerOf<'search'>>(client, 'search', { query: 'what does the moon do?' });
      expect(timeless(found)).toEqual(timeless(whole));
      const [hit] = found.hits;
      if (!hit) throw new Error('nothing was found');
      const { path, startLine, endLine, text } = hit;
      const lines = await call<AnswerOf<'read'>>(client, 'read', {
        path,
        from: startLine,
        lines: endLine - startLine + 1,
      });
      expect(lines.text).toBe(text);
    }));

  it('pages within a budget, and loses no hit', () =>
    connected(transport(), async (client) => {
      const whole = await asked('moon', '--limit', '20');
      const paged: unknown[] = [];
      for (let offset: number | null = 0, pages = 0; offset !== null && paged.length < 20; pages += 1) {
        const args = { query: 'moon', limit: 20, offset, maxTokens: 1_000 };
        const page: AnswerOf<'search'> = await call(client, 'search', args);
        expect(JSON.stringify(page).length / 3).toBeLessThanOrEqual(1_000);
        expect(page.hits.length).toBeGreaterThan(0);
        paged.push(...page.hits);
        offset = page.next;
        expect(pages).toBeLessThan(20);
      }
      expect(paged.slice(0, 20)).toEqual(whole.hits);
    }));

  it('tells how it is, and what is not there is told as an error of the tool', () =>
    connected(transport(), async (client) => {
      expect(await call(client, 'status', {})).toMatchObject({ projects: [{ path: 'repository' }], left: 0 });
      expect(await call(client, 'similar', { text: OFFSETS, limit: 1 })).toMatchObject({
        hits: [{ path: 'src/offsets.ts' }],
      });
      const { isError, content } = await client.callTool({ name: 'read', arguments: { path: 'none.md' } });
      expect([isError, JSON.stringify(content)]).toEqual([true, expect.stringContaining('no document none.md')]);
    }));
};

describe('MCP over HTTP', () => {
  serves(() => overHttp(TEAM_TOKEN));

  it('is refused without a token, and bound to the projects of its token', async () => {
    await expect(connected(overHttp(''), (client) => client.listTools())).rejects.toThrow();
    await connected(overHttp(OTHER_TOKEN), async (client) => {
      expect(await call(client, 'search', { query: 'moon' })).toMatchObject({ hits: [] });
    });
    const { isError } = await connected(overHttp(STATUS_TOKEN), (client) =>
      client.callTool({ name: 'search', arguments: { query: 'moon' } }),
    );
    expect(isError).toBe(true);
  });

  it('is refused to a page of another origin, and under a name that is not ours', async () => {
    const initialize = {
      ...{ jsonrpc: '2.0', id: 1, method: 'initialize' },
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'test', version: '1' } },
    };
    const status = (headers: Record<string, string>) =>
      new Promise<number | undefined>((resolve, reject) => {
        const sending = request(
          `${url}/mcp`,
          {
            method: 'POST',
            headers: {
              ...{ authorization: `Bearer ${TEAM_TOKEN}`, 'content-type': 'application/json' },
              ...{ accept: 'application/json, text/event-stream' },
              ...headers,
            },
          },
          (response) => {
            response.resume();
            resolve(response.statusCode);
          },
        );
        sending.on('error', reject).end(JSON.stringify(initialize));
      });
    expect(await status({})).toBe(200);
    expect(await status({ origin: 'http://localhost:3000' })).toBe(200);
    expect(await status({ origin: 'https://evil.example' })).toBe(403);
    expect(await status({ origin: 'null' })).toBe(403);
    expect(await status({ host: 'evil.example' })).toBe(421);
  });
});

describe('MCP over stdio, beside a service', () => {
  serves(overStdio);
});

/** The library, from a package of somebody else's that has installed it. */
const library = async (script: string): Promise<string> => {
  const file = join(consumer, 'use.mjs');
  await writeFile(file, script);
  return execFileSync(process.execPath, [file, repository.directory], {
    cwd: consumer,
    encoding: 'utf8',
    env: { ...environment(), ...named(repository.directory) },
  });
};
const USE = `
  import { createTidemark, NotFound } from 'tidemark';
  const tidemark = await createTidemark({ directory: process.argv[2] });
  const report = await tidemark.backfill();
  const found = await tidemark.search({ query: 'what does the moon do?' });
  const read = await tidemark.read({ path: found.hits[0].path });
  const missing = await tidemark.read({ path: 'none' }).catch((error) => error instanceof NotFound);
  const { ready } = await tidemark.status();
  await tidemark.close();
  console.log(JSON.stringify({ report, found, read, missing, ready }));`;

describe('the library', () => {
  it('imported by its name gives the same answers, beside a service', async () => {
    const { report, found, read, missing, ready } = JSON.parse(await library(USE));
    expect(timeless(found)).toEqual(timeless(await asked('what does the moon do?')));
    expect(report).toMatchObject({ status: 'success', planned: 0 });
    expect(read.text).toContain(found.hits[0].text);
    expect([missing, ready]).toEqual([true, true]);
  });

  it('has types for whoever compiles against it', async () => {
    await writeFile(
      join(consumer, 'use.ts'),
      `import { createTidemark } from 'tidemark';
       const tidemark = await createTidemark();
       const lines: number[] = (await tidemark.search({ query: 'x', limit: 3 })).hits.map(({ startLine }) => startLine);
       // @ts-expect-error a search needs a query
       await tidemark.search({});
       console.log(lines);`,
    );
    const compiler = {
      strict: true,
      noEmit: true,
      module: 'nodenext',
      target: 'es2023',
      types: [],
      skipLibCheck: true,
    };
    await writeFile(join(consumer, 'package.json'), '{"type":"module"}');
    await writeFile(join(consumer, 'tsconfig.json'), JSON.stringify({ compilerOptions: compiler, files: ['use.ts'] }));
    const root = fileURLToPath(new URL('../..', import.meta.url));
    const tsc = (...args: string[]) =>
      execFileSync(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...args], { encoding: 'utf8' });
    tsc('-p', join(root, 'tsconfig.build.json'), '--outDir', join(tidemark.directory, 'dist'));
    tsc('-p', consumer);
  });
});

describe('without a service', () => {
  beforeAll(async () => {
    service.child.kill('SIGINT');
    await service.ended;
  });

  it('the library does the work itself, and lets go of the directory', async () => {
    const head = await repository.commit({ files: [['late.md', 'A penumbra, later.\n']] });
    const script = USE.replace("'what does the moon do?'", "'penumbra', mode: 'lexical', fresh: true");
    const { found } = JSON.parse(await library(script));
    expect(found).toMatchObject({
      hits: [{ path: 'late.md', commit: head, stale: false }],
      freshness: { fresh: true },
    });
    expect((await asked('penumbra', '--mode', 'lexical')).hits).toHaveLength(1);
  });

  it('MCP over stdio answers from the index as it is', async () => {
    const whole = await asked('moon');
    await connected(overStdio(), async (client) => {
      const found = await call<AnswerOf<'search'>>(client, 'search', { query: 'moon' });
      expect(timeless(found)).toEqual(timeless(whole));
      expect(await call(client, 'read', { path: 'late.md' })).toMatchObject({ text: 'A penumbra, later.' });
    });
  });

  it('no token is in what the service has said', async () => {
    const { stdout, stderr } = await service.ended;
    expect(stdout + stderr).not.toMatch(new RegExp([TEAM_TOKEN, OTHER_TOKEN, STATUS_TOKEN].join('|')));
  });

  it('a service whose configuration names nobody makes a token that only its owner can read', async () => {
    await rm(join(repository.directory, 'tidemark.yaml'));
    service = tidemark.start(repository.directory, ['serve']);
    url = (await service.says(/^ready: (\S+?)\/status/m))[1] ?? '';
    const token = (await readFile(join(repository.directory, '.tidemark', 'api-token'), 'utf8')).trim();
    expect((await ask('/v1/status', { token: '' })).status).toBe(401);
    expect((await ask('/v1/status', { token })).status).toBe(200);
    service.child.kill('SIGINT');
    expect((await service.ended).stderr).not.toContain(token);
  });
});
