import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { dependency, PATIENCE, steady } from '../../../src/calls/dependency.ts';
import { StopFlow, TryAgain } from '../../../src/errors.ts';
import { projectKey } from '../../../src/records.ts';
import { idOfDocument } from '../../../src/sinks/qdrant/payload.ts';
import { MIB } from '../../../src/units.ts';
import { entry, point, unit, uuid } from '../../contracts/store-builders.ts';
import { realTime } from '../../support/git-source.ts';
import { type Answer, collectionInfo, type QdrantStub, qdrantStub } from '../../support/qdrant-stub.ts';
import { silentTelemetry } from '../../support/telemetry.ts';

const WRITES = /points\/batch$/;
const GENERATION = 'docs-1';

let stub: QdrantStub;
beforeEach(async () => {
  stub = await qdrantStub();
});
afterEach(() => stub.close());

const operationsOf = () =>
  stub.askedAt(WRITES).map(({ body }) => (body as { operations: Record<string, unknown>[] }).operations);
const bodyOf = (at: RegExp) => stub.askedAt(at)[0]?.body;

describe('what Qdrant is asked', () => {
  it('its version comes first, and once', async () => {
    const { store } = stub.open();
    await Promise.all([store.probe(), store.generations(), store.active()]);
    expect(stub.asked.map(({ method, path }) => `${method} ${path}`).filter((one) => one === 'GET /')).toHaveLength(1);
    expect(stub.asked[0]?.path).toBe('/');
  });

  it('a server that is too old is a StopFlow that says so', async () => {
    stub.answer(/GET \/$/, { result: { version: '1.16.3' } });
    const { store } = stub.open();
    await expect(store.probe()).rejects.toThrow(/1\.16\.3.*1\.17/);
    await expect(store.probe()).resolves.toBeUndefined();
  });

  it('the API key goes along with each request, and into no error', async () => {
    const { store } = stub.open({ apiKey: 'very-secret' });
    stub.answer(/aliases/, { status: 401, error: 'Must provide an API key' });
    const error = await store.active().catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(StopFlow);
    expect(JSON.stringify([String(error), Object.entries(error as Error)])).not.toContain('very-secret');
    expect(stub.asked.map(({ headers }) => headers['api-key'])).toEqual(['very-secret', 'very-secret']);
  });

  it('a path in the URL stands before all others, and a name and a password go along', async () => {
    const url = stub.url.replace('://', '://me:p%40ss@');
    await stub.open({ url: `${url}/search/qdrant/` }).store.generations();
    expect(stub.asked[0]?.headers.authorization).toBe(`Basic ${Buffer.from('me:p@ss').toString('base64')}`);
    expect(stub.asked.map(({ path }) => path)).toEqual(['/search/qdrant/', '/search/qdrant/collections']);
  });

  it('writes wait until they can be read', async () => {
    await stub
      .open()
      .store.generation(GENERATION)
      .upsert([point({})]);
    expect(stub.askedAt(WRITES).map(({ query }) => query)).toEqual([{ wait: 'true' }]);
  });

  it('of a replicated store, writes go by the leader and reads ask most of the copies', async () => {
    const { state, store } = stub.open({ replication: 3 });
    const generation = store.generation(GENERATION);
    const row = { key: 'k', scope: 's', seq: 2, token: 't', value: { dueAt: 1 } };
    await state.swap('timers', row, { seq: 1, token: 'before' });
    await generation.upsert([point({})]);
    await generation.record(entry({}), 'lower');
    await generation.ledger(['doc']);
    await generation.present('doc', [uuid('1')]);
    await generation.pointPage();
    const queries = (at: RegExp) => stub.askedAt(at).map(({ query }) => query);
    expect(queries(WRITES)).toEqual(Array.from({ length: 3 }, () => ({ wait: 'true', ordering: 'strong' })));
    const reads = queries(/POST .*points(?:\/scroll)?$/);
    expect(reads).toHaveLength(5);
    expect(new Set(reads.map(({ consistency }) => consistency))).toEqual(new Set(['majority']));
  });

  it('a new generation gets the layout that was asked for, and its indexes before its first point', async () => {
    for (const name of ['docs-1', 'docs-1-ledger'])
      stub.answer(new RegExp(`/${name}/exists`), { result: { exists: false } });
    const layout = { shards: 3, replication: 2, onDisk: true, quantization: 'scalar' } as const;
    await stub.open(layout).store.create(GENERATION, 4);
    expect(bodyOf(/PUT \/collections\/docs-1$/)).toMatchObject({
      vectors: { dense: { size: 4, distance: 'Cosine', on_disk: true } },
      sparse_vectors: { bm25: { modifier: 'idf', index: { on_disk: true } } },
      quantization_config: { scalar: { type: 'int8' } },
      ...{ shard_number: 3, replication_factor: 2, write_consistency_factor: 1 },
    });
    expect(bodyOf(/PUT \/collections\/docs-1-ledger$/)).toMatchObject({ vectors: {}, replication_factor: 2 });
    const indexed = stub.askedAt(/PUT \/collections\/docs-1\/index/).map(({ body }) => body);
    expect(indexed).toContainEqual({ field_name: 'project', field_schema: { type: 'keyword', is_tenant: true } });
    expect(indexed).toHaveLength(9);
  });

  it('a generation that somebody else makes at the same time is completed', async () => {
    stub.answer(/docs-1\/exists/, { result: { exists: false } });
    stub.answer(/PUT \/collections\/docs-1$/, {
      status: 409,
      error: 'Wrong input: Collection `docs-1` already exists!',
    });
    stub.answer(/GET \/collections\/docs-1$/, { result: collectionInfo({ fields: ['project', 'seq', 'document'] }) });
    await stub.open().store.create(GENERATION, 4);
    const indexed = stub.askedAt(/docs-1\/index/).map(({ body }) => (body as { field_name: string }).field_name);
    expect(indexed.sort()).toEqual(['hash', 'instance', 'language', 'names', 'paths', 'ref']);
  });

  it('the alias is moved in one action, and never deleted', async () => {
    stub.answer(/GET \/aliases/, { result: { aliases: [{ alias_name: 'docs', collection_name: 'docs-0' }] } });
    await stub.open().store.activate(GENERATION);
    expect(stub.askedAt(/POST/).map(({ body }) => body)).toEqual([
      { actions: [{ create_alias: { alias_name: 'docs', collection_name: GENERATION } }] },
    ]);
  });

  it('where indexing is deferred, a generation is filled without, indexed, and only then activated', async () => {
    const { store } = stub.open({ deferIndexing: true });
    stub.answer(/docs-1\/exists/, { result: { exists: false } });
    await store.create(GENERATION, 4);
    expect(bodyOf(/PUT \/collections\/docs-1$/)).toMatchObject({ optimizers_config: { indexing_threshold: 0 } });
    const filled = collectionInfo({ indexingThreshold: 0 });
    const infos = [filled, collectionInfo({ status: 'yellow' }), collectionInfo()];
    stub.answer(/GET \/collections\/docs-1$/, ...infos.map((result) => ({ result })));
    await expect(store.activate(GENERATION)).rejects.toThrow(/being indexed/);
    expect(bodyOf(/PATCH/)).toEqual({ optimizers_config: { indexing_threshold: 10_000 } });
    await expect(store.activate(GENERATION)).rejects.toBeInstanceOf(TryAgain);
    expect(stub.askedAt(/POST .*aliases/)).toEqual([]);
    await store.activate(GENERATION);
    expect(stub.askedAt(/POST .*aliases/)).toHaveLength(1);
  });
});

describe('calls side by side', () => {
  it('go together, with one guard for all points of one seq', async () => {
    const generation = stub.open().store.generation(GENERATION);
    const points = Array.from({ length: 30 }, (_, i) =>
      point({ id: uuid(`${i}`), document: `d${i}`, seq: 1 + (i % 2) }),
    );
    await Promise.all(points.map((one) => generation.upsert([one])));
    const [operations, ...more] = operationsOf();
    expect(more).toEqual([]);
    expect(operations).toMatchObject(
      [1, 2].map((seq) => ({ upsert: { update_filter: { must: [{ key: 'seq', range: { lt: seq } }] } } })),
    );
    expect(operations?.map(({ upsert }) => (upsert as { points: unknown[] }).points.length)).toEqual([15, 15]);
  });

  it('are split where one request would become too large', async () => {
    const text = 'ä'.repeat(100_000);
    const points = Array.from({ length: 60 }, (_, i) => point({ id: uuid(`${i}`), text: `${i}${text}` }));
    await stub.open().store.generation(GENERATION).upsert(points);
    const sizes = stub.askedAt(WRITES).map(({ bytes }) => bytes);
    expect(sizes.length).toBeGreaterThan(2);
    expect(Math.max(...sizes)).toBeLessThan(5 * MIB);
    expect(
      operationsOf().flatMap((all) => all.flatMap(({ upsert }) => (upsert as { points: unknown[] }).points)),
    ).toHaveLength(60);
  });

  it('fail together, and each is told', async () => {
    const generation = stub.open().store.generation(GENERATION);
    stub.answer(/points$/, { status: 503, error: 'Service unavailable' });
    const calls = ['a', 'b', 'c'].map((document) => generation.ledger([document]));
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected']);
    expect(await generation.ledger(['a'])).toEqual(new Map());
  });
});

describe('steps of an apply', () => {
  it('a raise sets seq and commit at once, and writes back only points whose lines moved', async () => {
    const [stays, moves, foreign] = [uuid('stays'), uuid('moves'), uuid('foreign')];
    const generation = stub.open().store.generation(GENERATION);
    const there = (id: string, startLine: number, seq: number) => ({
      id,
      payload: { document: idOfDocument('doc'), startLine, endLine: 9, seq, text: 't' },
    });
    const vector = { dense: [1, 0, 0, 0], bm25: { indices: [7], values: [1] } };
    stub.answer(
      /docs-1\/points$/,
      { result: [there(stays, 8, 5), there(moves, 3, 5), there(foreign, 3, 6)] },
      { result: [{ ...there(moves, 3, 5), vector }] },
    );
    const placements = [stays, moves, foreign].map((id) => ({ id, startLine: 8, endLine: 9, commit: 'c5' }));
    await generation.raise('doc', 5, placements);
    const [raised, moved] = operationsOf();
    expect(raised).toMatchObject([{ set_payload: { payload: { seq: 5, commit: 'c5' } } }]);
    expect(JSON.stringify(raised)).toContain('"range":{"lt":5}');
    expect(moved).toEqual([
      {
        upsert: {
          points: [{ ...there(moves, 8, 5), vector }],
          update_mode: 'update_only',
          update_filter: { must: [{ key: 'seq', range: { gte: 5, lte: 5 } }] },
        },
      },
    ]);
  });

  it('where nothing is to go a prune writes nothing', async () => {
    await stub
      .open()
      .store.generation(GENERATION)
      .prune('doc', 5, [uuid('1')]);
    expect(operationsOf()).toEqual([]);
  });
});

describe('search', () => {
  it('asks one arm, with the filter', async () => {
    const generation = stub.open().store.generation(GENERATION);
    const projects = [projectKey({ instance: 'main', project: '7' }), projectKey({ instance: 'other', project: '7' })];
    const filters = { projects, path: 'docs/**/*.md', languages: ['markdown', 'text'] };
    await generation.search({ mode: 'lexical', text: 'offset commit', limit: 10, ...filters });
    const inInstance = (instance: string) => ({
      must: [
        { key: 'instance', match: { any: [instance] } },
        { key: 'project', match: { any: ['7'] } },
      ],
    });
    const filter = {
      must: [
        { should: [inInstance('main'), inInstance('other')] },
        { key: 'language', match: { any: ['markdown', 'text'] } },
        { key: 'paths', match: { any: ['docs'] } },
        { key: 'names', match: { any: ['*.md'] } },
      ],
    };
    expect(bodyOf(/query$/)).toMatchObject({ using: 'bm25', query: { values: [1, 1] }, filter });
  });

  it('what cannot find anything asks nothing', async () => {
    const generation = stub.open().store.generation(GENERATION);
    expect(await generation.search({ mode: 'lexical', text: '?!', limit: 5 })).toEqual([]);
    expect(await generation.search({ mode: 'dense', text: '', vector: unit(1), limit: 5, projects: [] })).toEqual([]);
    expect(stub.asked).toEqual([]);
  });
});

describe('what goes wrong', () => {
  const html = (status: number): Answer => ({ status, page: '<h1>nginx</h1>' });
  const refused = (status: number, error: string, headers?: Record<string, string>): Answer =>
    headers ? { status, error, headers } : { status, error };

  it.each<[string, Answer]>([
    ['a wrong dimension', refused(400, 'Wrong input: Vector dimension error: expected dim: 4, got 5')],
    ['a wrong key', refused(401, 'Must provide an API key or an Authorization bearer token')],
    ['a key that may only read', refused(403, 'Forbidden: Global write access is required')],
    ['a collection that is not there', refused(404, "Not found: Collection `docs-1` doesn't exist!")],
    ['a request that something before Qdrant takes for too large', html(413)],
  ])('%s is a StopFlow', async (_, answer) => {
    stub.answer(WRITES, answer);
    await expect(
      stub
        .open()
        .store.generation(GENERATION)
        .upsert([point({})]),
    ).rejects.toBeInstanceOf(StopFlow);
  });

  it.each<[string, Answer]>([
    ['a page of a proxy that knows nothing of it', html(404)],
    ['a page instead of an answer', { status: 200, page: '<h1>Sign in</h1>' }],
    ['a storage that is locked for now', refused(403, 'Storage locked: for a snapshot')],
    ['a request that took the server too long', refused(408, 'Timeout: 60 s')],
    ['too many requests', refused(429, 'Rate limiting exceeded')],
    ['a fault of the server', refused(500, 'Service internal error: No space left on device')],
    ['a proxy without Qdrant', html(502)],
    ['a server that is starting', refused(503, 'Service unavailable')],
    ['a connection that is reset', 'reset'],
    ['an answer that is cut off', 'cut'],
    ['an answer that does not come', 'silence'],
    ['a write that was not done in time', { result: [{ operation_id: 1, status: 'wait_timeout' }] }],
    ['a write that was only taken note of', { result: [{ operation_id: 1, status: 'acknowledged' }] }],
    ['an answer that leaves out a write', { result: [] }],
  ])('%s is a TryAgain', async (_, answer) => {
    stub.answer(WRITES, answer);
    const { store } = stub.open({ timeoutMs: 1_000 });
    await expect(store.generation(GENERATION).upsert([point({})])).rejects.toBeInstanceOf(TryAgain);
  });

  it('a server that is not there is a TryAgain that says what fetch does not', async () => {
    const { store } = stub.open();
    await stub.close();
    await expect(store.probe()).rejects.toThrow(/ECONNREFUSED/);
    await expect(store.probe()).rejects.toBeInstanceOf(TryAgain);
    stub = await qdrantStub();
  });

  it('TLS where none is spoken is a StopFlow that says how to trust a certificate', async () => {
    const { store } = stub.open({ url: stub.url.replace('http:', 'https:') });
    await expect(store.probe()).rejects.toThrow(/NODE_EXTRA_CA_CERTS/);
    await expect(store.probe()).rejects.toBeInstanceOf(StopFlow);
  });

  it('a server that says when to come back is believed', async () => {
    stub.answer(WRITES, refused(503, 'Service unavailable', { 'retry-after': '37' }));
    const error = await stub
      .open()
      .store.generation(GENERATION)
      .upsert([point({})])
      .catch((reason: unknown) => reason);
    expect(error).toMatchObject({ retryAfterMs: 37_000 });
  });

  it('a write whose answer was lost is sent again as it was, and then holds', async () => {
    const time = { ...realTime, sleep: async () => undefined };
    const { store } = stub.open({ timeoutMs: 1_000 });
    const of = dependency('store', store.probe, { time, telemetry: silentTelemetry, patience: PATIENCE });
    stub.answer(WRITES, 'cut', 'silence', refused(500, 'Service internal error'), {
      result: [{ operation_id: 1, status: 'wait_timeout' }],
    });
    await steady(store.generation(GENERATION), of).upsert([point({})]);
    const sent = stub.askedAt(WRITES).map(({ body }) => body);
    expect(sent).toHaveLength(5);
    expect(new Set(sent.map((body) => JSON.stringify(body))).size).toBe(1);
  });

  it('a closed store asks nothing any more', async () => {
    const { store, close } = stub.open();
    close();
    await expect(store.probe()).rejects.toBeInstanceOf(StopFlow);
    expect(stub.asked).toEqual([]);
  });
});
