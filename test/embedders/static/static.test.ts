import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { afterAll, describe, expect, it } from 'vitest';
import { modelFile, staticTokens } from '../../../src/embedders/static/files.ts';
import { staticModel } from '../../../src/embedders/static/model.ts';
import { staticEmbedder } from '../../../src/embedders/static/static.ts';
import { parseTable } from '../../../src/embedders/static/table.ts';
import { StopFlow } from '../../../src/errors.ts';
import { embedderContract } from '../../contracts/embedder.ts';

const tokens = staticTokens();

embedderContract('static', { open: staticEmbedder, count: tokens.count, aloneAndBeside: true });

/** From whoever fitted the table. */
const checks: readonly [string, readonly number[], readonly number[]][] = [
  [
    'Offsets are committed once the store has acknowledged.',
    [16396, 2015, 2024, 5462, 2320],
    [0.17182, 0.10002, -0.07298, -0.39657, 0.00002, -0.01555],
  ],
  [
    'getUserById(userId: string): Promise<User | undefined>',
    [2131, 5310, 2011, 8909, 1006],
    [0.11931, 0.00656, -0.04509, 0.14268, 0.04188, -0.16751],
  ],
  [
    'Größe der Warteschlange überschritten',
    [24665, 2080, 17499, 4315, 2162],
    [0.14451, 0.04205, -0.16042, 0.11958, 0.12723, 0.12569],
  ],
  ['日本語 テスト', [1864, 1876, 1950, 1713, 30233, 30240], [0.11609, 0.1215, -0.07344, 0.10355, 0.08292, 0.15846]],
  [
    'HTTPServer.listen_and_serve()',
    [8299, 8241, 1012, 4952, 1035],
    [0.01244, 0.34875, -0.26031, 0.21319, 0.3772, -0.25086],
  ],
];

describe('the built-in model', () => {
  const embedder = staticEmbedder();
  afterAll(() => embedder.close());

  it.each(checks)('reads "%s" as its makers do', async (text, ids, numbers) => {
    expect([...tokens.pieces(text)].slice(0, ids.length)).toEqual(ids);
    const [vector] = await embedder.embed([text], 'passage');
    for (const [at, number] of numbers.entries()) expect(Math.abs((vector?.[at] ?? 9) - number)).toBeLessThan(0.001);
  });

  it('is the file that its notice names', async () => {
    const notice = await readFile(new URL('../../../models/NOTICE', import.meta.url), 'utf8');
    for (const name of ['static-minilm-256.bin', 'static-minilm.vocab.txt'])
      expect(notice).toContain(`${createHash('sha256').update(modelFile(name)).digest('hex')}  ${name}`);
  });

  it('finds by meaning where no word is shared', async () => {
    const [question, near, far] = await embedder.embed(
      ['remove a user account', 'delete the profile of a person', 'compile the kernel with debug symbols'],
      'passage',
    );
    const cosine = (other?: Float32Array) => question?.reduce((sum, value, at) => sum + value * (other?.[at] ?? 0), 0);
    expect(cosine(near)).toBeGreaterThan((cosine(far) ?? 1) + 0.2);
  });

  it('gives the zero vector for a text without tokens', async () => {
    const [nothing] = await embedder.embed(['\u0000\u200b'], 'passage');
    expect(nothing?.every((value) => value === 0)).toBe(true);
  });

  it('counts repeated tokens as often as they stand there', async () => {
    const [once, thrice, other] = await embedder.embed(
      ['red blue', 'red red red blue', 'red blue red blue'],
      'passage',
    );
    expect(thrice).not.toEqual(once);
    for (const [at, value] of (other ?? []).entries()) expect(value).toBeCloseTo(once?.[at] ?? 9, 5);
  });

  const compare = async (question: string, passages: readonly string[]) => {
    const near = await embedder.compare?.(question, passages);
    return near && Array.from(near);
  };

  it('tells which passage has something near to each word of the question', async () => {
    const around = 'The index of words is sorted and written to the disk in blocks of a fixed size. '.repeat(4);
    const passages = [around, `${around} Passwords are hidden.`, 'Passwords are hidden.'];
    const [none = 9, inside = 9, alone = 9] = (await compare('conceal a secret credential', passages)) ?? [];
    expect(inside).toBeGreaterThan(none + 0.1);
    expect(alone).toBeGreaterThan(inside);
    expect(await compare('conceal a secret credential', passages.toReversed())).toEqual([alone, inside, none]);
  });

  it('takes a word for what stands for it in the language of software', async () => {
    const [other = 9, glob = 0] =
      (await compare('expand a wildcard', ['Names of globes.', 'Matched by a glob.'])) ?? [];
    expect(glob).toBeGreaterThan(other + 0.2);
  });

  it('compares with nothing, by nothing, and by more than a question', async () => {
    expect(await compare('offsets', [])).toEqual([]);
    expect(await compare('', ['offsets', ''])).toEqual([0, 0]);
    expect(await compare('\u200b', ['offsets'])).toEqual([0]);
    expect(await compare('offsets', [''])).toEqual([0]);
    const text = 'a long question about many things that are said in other words '.repeat(200);
    const [same = 0, other = 9] = (await compare(text, [text, 'offsets'])) ?? [];
    expect(same).toBeCloseTo(2, 3);
    expect(other).toBeLessThan(1);
  });

  it('leaves the event loop free while it embeds', async () => {
    const texts = Array.from({ length: 3000 }, (_, at) => `line ${at} of some text about offsets\n`.repeat(30));
    await embedder.probe();
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    await embedder.embed(texts, 'passage');
    delay.disable();
    expect(delay.percentile(99) / 1e6).toBeLessThan(100);
  });

  it('answers a question while a large batch is waiting', async () => {
    const settled: string[] = [];
    const batch = embedder
      .embed(
        Array.from({ length: 3000 }, () => 'some text about offsets\n'.repeat(40)),
        'passage',
      )
      .then(() => settled.push('batch'));
    await embedder.embed(['where are offsets committed'], 'query').then(() => settled.push('question'));
    await batch;
    expect(settled).toEqual(['question', 'batch']);
  });
});

describe('its table', () => {
  const table = (rows: number, dimensions: number): Buffer => {
    const bytes = Buffer.alloc(16 + rows * 4 + rows * dimensions);
    bytes.write('STE1', 'latin1');
    bytes.writeUInt32LE(rows, 4);
    bytes.writeUInt32LE(dimensions, 8);
    return bytes;
  };

  it('is refused when it is no table, or cut short', () => {
    expect(() => parseTable(Buffer.from('no table at all'))).toThrow(StopFlow);
    expect(() => parseTable(Buffer.alloc(3))).toThrow(StopFlow);
    expect(() => parseTable(table(3, 4).subarray(0, 20))).toThrow('20 bytes where 40 belong');
  });

  it('may lie anywhere in memory', () => {
    const bytes = Buffer.concat([Buffer.alloc(3), table(2, 2)]).subarray(3);
    expect(parseTable(bytes)).toMatchObject({ rows: 2, dimensions: 2 });
  });

  it('weighs what is nearest to each asked token by how few passages have that token', () => {
    const rows = [0, 0, 10, 0, 0, 20, 3, 4];
    const model = staticModel(
      { rows: 4, dimensions: 2, scales: new Float32Array([1, 1, 1, 1]), values: new Int8Array(rows) },
      { pieces: (text) => Uint16Array.from(text, Number), count: (text) => text.length },
    );
    // Of the asked 1 and 2 both passages have 1, and none has 2, to which 3 is the nearest: its cosine with it is 0.8.
    const [common, rare] = [Math.log(0.5 / 2.5 + 1), Math.log(2.5 / 0.5 + 1)];
    const cosine = (x: number, y: number) => (10 * x + 20 * y) / Math.hypot(10, 20) / Math.hypot(x, y);
    const [first, second] = model.compare('12', ['113', '1']);
    expect(first).toBeCloseTo(cosine(23, 4) + (common + 0.8 * rare) / (common + rare), 5);
    expect(second).toBeCloseTo(cosine(10, 0) + common / (common + rare), 5);
  });

  it('gives no direction where rows cancel out', () => {
    const model = staticModel(
      { rows: 3, dimensions: 2, scales: new Float32Array([0, 1, 1]), values: new Int8Array([0, 0, 5, -5, -5, 5]) },
      { pieces: () => new Uint16Array([1, 2]), count: () => 2 },
    );
    expect([...model.embed(['anything'])]).toEqual([0, 0]);
  });
});
