import { copyFile, readFile, writeFile } from 'node:fs/promises';
import Libsql from 'libsql';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Damaged, StopFlow, TryAgain } from '../../../src/errors.ts';
import type { Point } from '../../../src/ports.ts';
import { checkStore } from '../../../src/sinks/embedded/check.ts';
import { openEmbedded } from '../../../src/sinks/embedded/embedded.ts';
import { createGenerationTables } from '../../../src/sinks/embedded/schema.ts';
import { flip } from '../../trials/damage/acts.ts';
import { random } from '../../trials/sim/random.ts';
import { withFolder } from './folder.ts';

const ROUNDS = 16;
const DOCUMENTS = 40;

const documentOf = (at: number) => `git\0p\0main\0docs/${at}.md`;
const pointOf = (at: number): Point => ({
  ...{
    id: `point ${at}`,
    document: documentOf(at),
    seq: 1,
    startLine: 1,
    endLine: 9,
    commit: 'c',
    language: 'markdown',
  },
  ...{ heading: ['Änderung'], text: `Tides of ${at} — ${'höher und höher '.repeat(60)}`, hash: `hash ${at}` },
  ...{ embed: `Tides of ${at} — ${'höher und höher '.repeat(60)}` },
  vector: Float32Array.from({ length: 64 }, (_, i) => Math.sin(at * 64 + i)),
});

/** All that can be asked of it. Rejects with what keeps it from being answered. */
const everythingIn = async (file: string): Promise<string> => {
  const { state, store, close } = await openEmbedded({ file });
  try {
    const generation = store.generation('g');
    const documents = Array.from({ length: DOCUMENTS }, (_, at) => documentOf(at));
    const answers = [
      await store.generations(),
      (await store.active()) ?? null,
      await state.page('missing', 's'),
      await generation.ledgerPage(),
      await generation.pointPage(),
      await Promise.all(documents.map((document) => generation.pointsOf(document))),
      [...(await generation.vectors(documents.map((_, at) => `hash ${at}`)))].map(([hash, floats]) => [
        hash,
        ...floats,
      ]),
      await generation.search({ mode: 'lexical', text: 'tides höher', limit: DOCUMENTS }),
    ];
    return JSON.stringify(answers);
  } finally {
    await close();
  }
};

describe('the embedded store, when its file is not what was written,', () => {
  let folder: Awaited<ReturnType<typeof withFolder>>;
  let whole: string;
  let file: string;
  let before: string;

  beforeAll(async () => {
    folder = await withFolder();
    whole = folder.path('whole.db');
    file = folder.path('store.db');
    const { state, store, close } = await openEmbedded({ file: whole });
    await store.create('g', 64);
    await store.activate('g');
    const generation = store.generation('g');
    for (let at = 0; at < DOCUMENTS; at += 1) {
      await generation.upsert([pointOf(at)]);
      const entry = { seq: 1, status: 'indexed', blob: `b${at}`, chunks: [`point ${at}`], fingerprint: 'f' } as const;
      await generation.record({ ...entry, document: documentOf(at) } as never, 'lower');
      await state.swap(
        'missing',
        { key: documentOf(at), scope: 's', seq: 1, token: 't', value: { since: at } as never },
        undefined,
      );
    }
    // Rows that are written again have another sum.
    await generation.raise(documentOf(1), 2, [{ id: 'point 1', startLine: 3, endLine: 4, commit: 'd' }]);
    await generation.prune(documentOf(2), 1, []);
    await close();
    before = await everythingIn(whole);
  });
  afterAll(() => folder.remove());
  beforeEach(() => copyFile(whole, file));

  const whatIs = async () => (await checkStore(file, { how: 'whole' })).findings;

  test('finds nothing where nothing is damaged', async () => {
    expect(await whatIs()).toEqual([]);
    expect(await checkStore(folder.path('none.db'), { how: 'whole' })).toEqual({ findings: [], complete: true });
  });

  test('tells it, or answers as before, and never ends the process that reads it', { timeout: 240_000 }, async () => {
    let found = 0;
    for (let seed = 1; seed <= ROUNDS; seed += 1) {
      await copyFile(whole, file);
      const what = await flip(file, random(seed));
      const findings = await whatIs();
      // Checked first: whoever opens it writes.
      const answers = await everythingIn(file).catch((error: unknown) => error);
      if (findings.length > 0) found += 1;
      else expect([seed, what, answers]).toEqual([seed, what, before]);
      if (answers instanceof Error && answers instanceof TryAgain) throw answers;
    }
    expect(found).toBeGreaterThan(ROUNDS / 2);
  });

  const changed = async (from: string | Buffer, to: Buffer) => {
    const bytes = await readFile(file);
    const at = bytes.lastIndexOf(from);
    expect(at).toBeGreaterThan(0);
    to.copy(bytes, at);
    await writeFile(file, bytes);
  };

  test('tells a text that is no UTF-8 any more, which the driver panics on', async () => {
    await changed('Tides of 7 ', Buffer.from([0x54, 0xff, 0xfe]));
    expect(await whatIs()).toEqual(['1 rows of contents_1 are not what was written']);
    const { store, close } = await openEmbedded({ file });
    const read = await store
      .generation('g')
      .pointsOf(documentOf(7))
      .catch((error: unknown) => error);
    await close();
    expect(read).toBeInstanceOf(Damaged);
    expect(read).toMatchObject({ message: expect.stringMatching(/no UTF-8 any more.*tidemark rebuild/) });
  });

  test('tells a letter, a float and a digit that have changed, which SQLite does not', async () => {
    await changed('Tides of 7 ', Buffer.from('Rides'));
    await changed(Buffer.from(pointOf(9).vector.buffer), Buffer.from([1, 2, 3, 4]));
    await changed('"since":11', Buffer.from('"since":12'));
    expect(await whatIs()).toEqual([
      '1 rows of state are not what was written',
      '1 rows of contents_1 are not what was written',
      '1 rows of vectors_1 are not what was written',
    ]);
  });

  test('tells rows that miss what they belong to', async () => {
    const database = new Libsql(file);
    database.exec('DELETE FROM contents_1 WHERE point = 1; DELETE FROM vectors_1 WHERE hash = \'"hash 3"\'');
    database.exec("UPDATE alias SET generation = 'none'");
    database.close();
    expect(await whatIs()).toEqual([
      'the generation that answers is not there',
      'generation 1 has 1 points without a content',
      'generation 1 has 1 points without a vector',
    ]);
  });

  test('is not opened after a crash when its trees are none, and is when they are', async () => {
    const checked: { complete: boolean }[] = [];
    const open = () => openEmbedded({ file, onChecked: (of) => void checked.push(of) });
    await (await open()).close();
    expect(checked).toEqual([]);
    // What a process leaves that could not close it.
    await writeFile(`${file}-wal`, Buffer.alloc(32));
    await (await open()).close();
    expect(checked).toMatchObject([{ complete: true }]);
    const bytes = await readFile(file);
    bytes.fill(0xa5, 4096 * 4, 4096 * 12);
    await writeFile(file, bytes);
    await writeFile(`${file}-wal`, Buffer.alloc(32));
    await expect(open()).rejects.toThrow(Damaged);
  });

  test('is brought up from the schema without sums, and what it has is left unchecked', async () => {
    const old = folder.path('old.db');
    const made = new Libsql(old);
    const withoutSums = (sql: string) => sql.replaceAll(', sum INTEGER', '');
    made.exec(`CREATE TABLE state (name TEXT NOT NULL, key TEXT NOT NULL, scope TEXT NOT NULL, seq INTEGER NOT NULL,
      token TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (name, key)) WITHOUT ROWID;
      CREATE INDEX state_scope ON state (name, scope, key);
      CREATE TABLE generations (number INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, dimensions INTEGER NOT NULL);
      CREATE TABLE alias (one INTEGER PRIMARY KEY CHECK (one = 1), generation TEXT NOT NULL);
      ${withoutSums(createGenerationTables(1))}
      INSERT INTO generations (name, dimensions) VALUES ('"g"', 64);
      INSERT INTO state VALUES ('missing', '"k"', '"s"', 1, '"t"', '{"since":1}'); PRAGMA user_version = 1`);
    made.close();
    expect((await checkStore(old, { how: 'whole' })).findings).toEqual([]);
    const { state, store, close } = await openEmbedded({ file: old });
    expect((await state.read('missing', ['k'])).get('k')?.value).toEqual({ since: 1 });
    await store.generation('g').upsert([pointOf(1)]);
    await close();
    expect((await checkStore(old, { how: 'whole' })).findings).toEqual([]);
    const rows = new Libsql(old);
    expect(rows.prepare('SELECT (SELECT sum FROM state), (SELECT sum IS NULL FROM vectors_1)').raw().get()).toEqual([
      null,
      0,
    ]);
    rows.close();
  });

  test('a check that is told to end does not say that all is well', async () => {
    expect(await checkStore(file, { how: 'whole', signal: AbortSignal.abort() })).toEqual({
      findings: [],
      complete: false,
    });
    await expect(openEmbedded({ file: folder.path('no/folder.db') })).rejects.toThrow(StopFlow);
  });
});
