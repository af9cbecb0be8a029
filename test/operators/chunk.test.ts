import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { firstValueFrom, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { chunk, pieces, pointId } from '../../src/operators/chunk.ts';
import type { Chunk } from '../../src/ports.ts';
import { documentKey } from '../../src/records.ts';
import { GENERATION, keyOf, memoryParts } from '../support/memory-parts.ts';

const UUID_V5 = /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const piece = (embed: string, startLine = 1): Chunk => ({
  text: embed,
  embed,
  heading: [],
  startLine,
  endLine: startLine,
});
const documentOf = (path: string) => documentKey({ instance: 'git', project: 'p', ref: 'main', path });

describe('the id of a point', () => {
  it('is a UUID of version 5, whatever the document holds', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), fc.nat(1_000), (path, hash, occurrence) => {
        expect(pointId(documentOf(path), hash, occurrence)).toMatch(UUID_V5);
      }),
    );
  });

  it('never changes: another one would orphan every point', () => {
    const hash = createHash('sha256').update('Offsets are committed.').digest('hex');
    expect(pointId(documentOf('docs/a.md'), hash, 0)).toBe('b74d4ff8-6668-5889-9489-6963a4db231a');
    expect(pointId(documentOf('docs/a.md'), hash, 1)).toBe('1df87801-4296-5a11-93bb-0d39bb4077cd');
    expect(pointId(documentOf('Übergröße/日本語.md'), hash, 0)).toBe('2427f56c-033b-5095-ab58-0e031e1d7e1d');
  });

  it('is another one for another document, content or occurrence', () => {
    const ids = ['a.md', 'b.md'].flatMap((path) =>
      ['h1', 'h2'].flatMap((hash) => [0, 1].map((occurrence) => pointId(documentOf(path), hash, occurrence))),
    );
    expect(new Set(ids).size).toBe(8);
  });

  it('is another one for paths that differ only in a byte that is not UTF-8', () => {
    const paths = ['caf\udce9', 'caf\udce8', 'caf\ufffd', '\udc80\udcff', '\udcff\udc80'];
    expect(new Set(paths.map((path) => pointId(documentOf(path), 'h', 0))).size).toBe(paths.length);
  });
});

describe('the pieces of a document', () => {
  it('have the hash of exactly what is embedded', () => {
    const [one] = pieces(documentOf('a.md'), [{ ...piece('Guide > Start\ntext'), text: 'text' }]);
    expect(one?.hash).toBe(createHash('sha256').update('Guide > Start\ntext').digest('hex'));
    expect(one).toMatchObject({ text: 'text', embed: 'Guide > Start\ntext' });
  });

  it('that say the same are told apart by how often it came before', () => {
    const all = pieces(documentOf('a.md'), ['same', 'other', 'same', 'same'].map(piece));
    expect(new Set(all.map(({ id }) => id)).size).toBe(4);
    expect(all.map(({ id, hash }) => pointId(documentOf('a.md'), hash, 0) === id)).toEqual([true, true, false, false]);
    expect(all[3]?.id).toBe(pointId(documentOf('a.md'), all[0]?.hash ?? '', 2));
  });

  it('keep their ids when others come between them', () => {
    const before = pieces(documentOf('a.md'), ['one', 'two', 'two'].map(piece));
    const after = pieces(documentOf('a.md'), ['new', 'one', 'two', 'newer', 'two'].map(piece));
    expect(after.filter(({ embed }) => !embed.startsWith('new')).map(({ id }) => id)).toEqual(
      before.map(({ id }) => id),
    );
  });
});

describe('the step', () => {
  const base = { v: 1 as const, document: keyOf('a.md'), seq: 3, blob: 'b', rules: 'r1', commit: 'c' };

  it('cuts a text', async () => {
    const { parts } = await memoryParts();
    const text = { content: 'ant bee', mediaType: 'text/plain', language: 'text' };
    const record = { ...base, is: 'text' as const, text };
    const chunked = await firstValueFrom(of(record).pipe(chunk(await parts.tools(GENERATION))));
    expect(chunked).toEqual({ record, pieces: pieces(base.document, [piece('ant', 1), piece('bee', 2)]) });
  });

  it('has no pieces for what is no text', async () => {
    const { parts } = await memoryParts();
    const record = { ...base, is: 'gone' as const };
    expect(await firstValueFrom(of(record).pipe(chunk(await parts.tools(GENERATION))))).toEqual({ record, pieces: [] });
  });
});
