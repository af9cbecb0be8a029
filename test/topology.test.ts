import type { Observable } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Reader, Settled } from '../src/ports.ts';
import { collect, index, plan } from '../src/topology.ts';
import { quiet } from './support/fake-time.ts';
import { GENERATION, keyOf, memoryParts } from './support/memory-parts.ts';
import { POISON, TOXIC } from './trials/sim/content.ts';
import { NAMES } from './trials/sim/names.ts';
import { blobOf } from './trials/sim/repository.ts';

const { topics, groups } = NAMES;

/** The three flows on ports in memory, until the test stops them. */
const flowing = async () => {
  const memory = await memoryParts();
  const { parts, time, broker } = memory;
  const stop = new AbortController();
  const settled: Settled[] = [];
  const ends: unknown[] = [];
  const readers: Reader[] = [];
  const read = (topic: string, group: string) => {
    const reader = parts.log.read(topic, group);
    readers.push(reader);
    return reader;
  };
  const run = (flow: Observable<Settled>) =>
    flow.subscribe({
      next: (one) => settled.push(one),
      error: (error) => ends.push(error),
      complete: () => ends.push('complete'),
    });
  const planning = { live: read(topics.events, groups.plan), backfill: read(topics.eventsBackfill, groups.plan) };
  const collecting = {
    live: read(topics.changes, groups.collect),
    backfill: read(topics.changesBackfill, groups.collect),
  };
  run(plan(parts, planning, stop.signal));
  run(collect(parts, collecting, stop.signal));
  const generation = { name: GENERATION, tools: await parts.tools(GENERATION) };
  run(index(parts, generation, read(topics.documents, groups.index(GENERATION)), stop.signal));

  const busy = () => {
    const behind = [...broker.groups.values()].some(({ topic, committed }) =>
      broker.topicOf(topic).some(({ end }, partition) => (committed[partition] ?? 0) < end),
    );
    return behind || (broker.lent.get('client')?.size ?? 0) > 0;
  };
  return {
    ...memory,
    settled,
    ends,
    stop,
    /** Until nothing is on its way any more. */
    async rest() {
      for (let turn = 0; turn < 200; turn += 1) {
        await quiet(10);
        if (!busy()) return;
        await time.advance(10);
      }
      throw new Error('nothing comes to rest');
    },
    async close() {
      stop.abort();
      await quiet(10);
      for (const reader of readers) await reader.close();
    },
    outcomes: (flow: string) =>
      memory.telemetry.told.flatMap((told) =>
        told[0] === 'settled' && told[1].flow === flow ? [told[1].outcome] : [],
      ),
  };
};

const texts = ({ points }: Awaited<ReturnType<typeof flowing>>) =>
  points()
    .map(({ document, text }) => `${document.split('\0')[3]}: ${text}`)
    .sort();

describe('the three flows', () => {
  it('bring a push from its event to points and ledger', async () => {
    const flows = await flowing();
    const head = flows.push({ 'a.md': 'ant bee', 'b.md': 'cat' });
    await flows.tell(flows.event({ after: head }));
    await flows.rest();
    expect(texts(flows)).toEqual(['a.md: ant', 'a.md: bee', 'b.md: cat']);
    expect(flows.entry('a.md')).toMatchObject({
      ...{ status: 'indexed', blob: blobOf('ant bee'), indexedBlob: blobOf('ant bee'), commit: head },
      ...{ seq: flows.want('a.md')?.seq, embedded: 2, reused: 0 },
    });
    expect(flows.entry('a.md')?.chunks.length).toBe(2);

    const next = flows.push({ 'a.md': 'ant dog', 'c.md': 'cat' });
    await flows.tell(flows.event({ before: head, after: next }));
    await flows.rest();
    expect(texts(flows)).toEqual(['a.md: ant', 'a.md: dog', 'c.md: cat']);
    expect(flows.entry('a.md')).toMatchObject({ embedded: 1, reused: 1, commit: next });
    // Renamed: its vector is found by its content.
    expect(flows.entry('c.md')).toMatchObject({ status: 'indexed', embedded: 0, reused: 1 });
    expect(flows.entry('b.md')).toMatchObject({ status: 'gone', chunks: [] });
    expect(flows.records(topics.deadLetters)).toEqual([]);
    await flows.close();
    expect(flows.ends).toEqual(['complete', 'complete', 'complete']);
  });

  it('plan, embed and write nothing for a tree that has not changed', async () => {
    const flows = await flowing();
    const head = flows.push({ 'a.md': 'ant bee' });
    await flows.tell(flows.event({ after: head }));
    await flows.rest();
    const [entry, changes] = [flows.entry('a.md'), flows.records(topics.changes).length];
    await flows.tell(flows.event({ after: head }));
    await flows.tell(flows.event());
    await flows.rest();
    expect(flows.entry('a.md')).toEqual(entry);
    expect(flows.records(topics.changes)).toHaveLength(changes);
    await flows.close();
  });

  it('set poison aside with a failed entry, and keep the version before it (E48)', async () => {
    const flows = await flowing();
    const head = flows.push({ 'a.md': 'ant', 'b.md': 'bee', 'c.md': 'cat' });
    await flows.tell(flows.event({ after: head }));
    await flows.rest();
    const bad = flows.push({ 'a.md': `ant ${POISON}`, 'b.md': `bee ${TOXIC}`, 'c.md': 'cat dog' });
    await flows.tell(flows.event({ before: head, after: bad }));
    await flows.rest();
    const letters = flows
      .records(topics.deadLetters)
      .map(({ key, headers }) => [key, headers['x-flow'], headers['x-class']]);
    expect(letters.sort()).toEqual([
      [keyOf('a.md'), 'collect', 'poison'],
      [keyOf('b.md'), 'index', 'refused'],
    ]);
    expect(texts(flows)).toEqual(['a.md: ant', 'b.md: bee', 'c.md: cat', 'c.md: dog']);
    expect(flows.entry('a.md')).toMatchObject({
      ...{ status: 'failed', blob: blobOf(`ant ${POISON}`), indexedBlob: blobOf('ant') },
      reason: expect.stringContaining('poison: cannot convert'),
    });
    expect(flows.entry('b.md')).toMatchObject({ status: 'failed', indexedBlob: blobOf('bee') });
    expect(flows.entry('b.md')?.seq).toBe(flows.want('b.md')?.seq);

    const good = flows.push({ 'a.md': 'ant eel', 'b.md': 'bee', 'c.md': 'cat dog' });
    await flows.tell(flows.event({ before: bad, after: good }));
    await flows.rest();
    expect(texts(flows)).toEqual(['a.md: ant', 'a.md: eel', 'b.md: bee', 'c.md: cat', 'c.md: dog']);
    expect(flows.entry('a.md')?.status).toBe('indexed');
    await flows.close();
  });

  it('set aside what cannot be read, in every flow, and go on', async () => {
    const flows = await flowing();
    const value = new TextEncoder().encode('{"v":99}');
    for (const topic of [topics.events, topics.changesBackfill, topics.documents])
      await flows.parts.log.append(topic, [{ key: 'k', value }]);
    await flows.parts.log.append(topics.documents, [{ key: 'tombstone', value: null }]);
    await flows.tell(flows.event({ after: flows.push({ 'a.md': 'ant' }) }));
    await flows.rest();
    const letters = flows.records(topics.deadLetters).map(({ headers, value: bytes }) => [headers['x-flow'], bytes]);
    expect(letters.sort()).toEqual([
      ['collect', value],
      ['index', value],
      ['plan', value],
    ]);
    expect(texts(flows)).toEqual(['a.md: ant']);
    await flows.close();
  });

  it('skip what has no text, with the reason', async () => {
    const flows = await flowing();
    const link = { type: '120000', content: 'a.md' };
    const files = { 'a.md': '', 'b.md': 'binary', 'c.md': 'x'.repeat(1_001), link };
    await flows.tell(flows.event({ after: flows.push(files) }));
    await flows.rest();
    expect(Object.keys(files).map((path) => flows.entry(path)?.reason)).toEqual([
      'empty',
      'binary',
      'too_large',
      'symlink',
    ]);
    expect(flows.points()).toEqual([]);
    await flows.close();
  });

  it('lay a large tree page by page, and all of it', async () => {
    const flows = await flowing();
    const files = Object.fromEntries(Array.from({ length: 40 }, (_, at) => [`f${at}.md`, `ant ${at}`]));
    await flows.tell(flows.event({ after: flows.push(files) }));
    await flows.rest();
    expect(flows.records(topics.changesBackfill)).toHaveLength(40);
    expect(Object.keys(files).filter((path) => flows.entry(path)?.status !== 'indexed')).toEqual([]);
    await flows.close();
  });

  it('settle every delivery exactly once, and commit all of them', async () => {
    const flows = await flowing();
    let head = flows.push({ 'a.md': 'ant' });
    for (const content of ['bee', POISON, 'cat', '']) {
      const before = head;
      head = flows.push({ 'a.md': content, 'b.md': `${content} x` });
      await flows.tell(flows.event({ before, after: head }));
    }
    await flows.rest();
    const of = (names: readonly string[]) => names.reduce((sum, name) => sum + flows.records(name).length, 0);
    expect(flows.outcomes('plan')).toHaveLength(of([topics.events, topics.eventsBackfill]));
    expect(flows.outcomes('collect')).toHaveLength(of([topics.changes, topics.changesBackfill]));
    expect(flows.outcomes('index')).toHaveLength(of([topics.documents]));
    expect(flows.broker.lent.get('client')?.size).toBe(0);
    await flows.close();
  });
});

it('a flow gives back all credits, of deliveries that become dead letters as well', async () => {
  // A flow makes its window itself; what it holds shows in what is lent, and a credit that leaks in its coming to a halt.
  const memory = await memoryParts({ window: { records: 3, bytes: 4_000 } });
  const { parts, time, broker } = memory;
  const value = new TextEncoder().encode('{"v":99}');
  const keys = Array.from({ length: 60 }, (_, at) => `k${at}`);
  await parts.log.append(
    topics.documents,
    keys.map((key) => ({ key, value })),
  );
  const stop = new AbortController();
  let most = 0;
  const append = parts.log.append;
  const log = {
    ...parts.log,
    append(...args: Parameters<typeof append>) {
      most = Math.max(most, broker.lent.get('client')?.size ?? 0);
      return append(...args);
    },
  };
  const reader = parts.log.read(topics.documents, groups.index(GENERATION));
  const settled: Settled[] = [];
  const generation = { name: GENERATION, tools: await parts.tools(GENERATION) };
  index({ ...parts, log }, generation, reader, stop.signal).subscribe((one) => settled.push(one));
  for (let turn = 0; turn < 200 && settled.length < keys.length; turn += 1) {
    await quiet();
    await time.advance(5);
  }
  // One more is read than holds credits.
  expect(settled).toHaveLength(60);
  expect(most).toBeLessThanOrEqual(4);
  expect(broker.lent.get('client')?.size).toBe(0);
  stop.abort();
  await reader.close();
});
