import { firstValueFrom, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { StopFlow } from '../../src/errors.ts';
import { blockProject } from '../../src/operators/set-aside.ts';
import { done, superseded } from '../../src/operators/stage.ts';
import { layPage } from '../../src/operators/sweep.ts';
import type { Row, Settled } from '../../src/ports.ts';
import { type Change, type Event, projectKey, refKey, type SweepRow } from '../../src/records.ts';
import { entryOf, keyOf, MAIN, type MemoryParts, memoryParts } from '../support/memory-parts.ts';
import { NAMES } from '../trials/sim/names.ts';
import { blobOf } from '../trials/sim/repository.ts';

const { topics } = NAMES;
const KEY = refKey(MAIN);
const SEQ = 50;

const carry = (memory: MemoryParts): Promise<Settled> =>
  firstValueFrom(of([memory.event({ kind: 'carry' })] as const).pipe(layPage(memory.parts))) as Promise<Settled>;

/** A sweep of these files, open at its first page. A page of the tree has three. */
const opened = async (files: Record<string, string>, how: Partial<SweepRow> = {}) => {
  const memory = await memoryParts({ liveChanges: 3 });
  const head = memory.push(files);
  const value: SweepRow = {
    ...{ head, open: true, phase: 'tree', cursor: undefined, rules: 'r1', runs: ['r7'], tallies: {}, movedAt: 0 },
    ...how,
  };
  await memory.state.raise('sweeps', [{ key: KEY, scope: 'sweeps', seq: SEQ, token: 'opened', value }]);
  const row = () => memory.state.inspectOne('sweeps', KEY);
  const all = async () => {
    const outcomes: Settled[] = [];
    while (row()?.value.open && outcomes.length < 20) outcomes.push(await carry(memory));
    return outcomes;
  };
  return { ...memory, head, row, all };
};

const want = (path: string, seq: number, blob: string | null): Row<'wants'> => {
  const value = { document: keyOf(path), type: '100644', blob, rules: 'r1', seq };
  return { key: keyOf(path), scope: KEY, seq, token: '', value };
};

const six = Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((name) => [name, `ant ${name}`]));
const paths = (memory: MemoryParts, topic: string) =>
  memory.written(topic).map((change) => (change as Change).document.split('\0')[3]);
const carriers = (memory: MemoryParts) =>
  memory.written(topics.eventsBackfill).filter((event) => (event as Event).kind === 'carry');

describe('a page of a sweep', () => {
  it('is laid at the sweep’s own seq, in the backfill lane, and its carrier is filed again', async () => {
    const memory = await opened(six);
    expect(await carry(memory)).toEqual(done);
    expect(paths(memory, topics.changesBackfill).sort()).toEqual(['a', 'b', 'c']);
    expect(memory.written(topics.changesBackfill)[0]).toMatchObject({ seq: SEQ, runs: ['r7'], commit: memory.head });
    expect(memory.want('a')).toMatchObject({ seq: SEQ, blob: blobOf('ant a') });
    expect(memory.row()?.value).toMatchObject({ open: true, phase: 'tree', cursor: '3', movedAt: memory.time.now() });
    expect(carriers(memory)).toMatchObject([{ ...MAIN, runs: ['r7'] }]);
  });

  it('follows on the one before, until the tree and then the wants are through', async () => {
    const memory = await opened(six);
    expect(await memory.all()).toEqual(Array(4).fill(done));
    expect(paths(memory, topics.changesBackfill).sort()).toEqual(Object.keys(six));
    expect(memory.row()?.value).toMatchObject({ open: false, phase: 'wants', cursor: undefined });
    expect(carriers(memory)).toHaveLength(3);
    expect(memory.telemetry.told).toContainEqual(['sweepClosed', { ref: KEY, seq: SEQ }]);
  });

  it('goes live when it is all that there is and few', async () => {
    const memory = await opened({ a: 'ant', b: 'bee' });
    await memory.all();
    expect(paths(memory, topics.changes).sort()).toEqual(['a', 'b']);
    expect(paths(memory, topics.changesBackfill)).toEqual([]);
  });

  it('leaves alone what a plan of a higher seq has taken', async () => {
    const memory = await opened({ a: 'ant', b: 'bee' });
    await memory.state.raise('wants', [want('a', SEQ + 1, blobOf('newer'))]);
    await memory.all();
    expect(paths(memory, topics.changes)).toEqual(['b']);
    expect(memory.want('a')).toMatchObject({ seq: SEQ + 1, blob: blobOf('newer') });
  });

  it('leaves alone what the ledger has reached, and lays what has a want that it has not', async () => {
    const memory = await opened({ a: 'ant', b: 'bee', c: 'cat' });
    await memory.state.raise('wants', [want('a', 9, blobOf('ant')), want('b', 9, blobOf('bee'))]);
    await memory.generation.record(entryOf({ document: keyOf('a'), seq: 9 }), 'lower');
    await memory.generation.record(entryOf({ document: keyOf('b'), seq: 8 }), 'lower');
    await memory.all();
    expect(paths(memory, topics.changes).sort()).toEqual(['b', 'c']);
    expect(memory.want('a')?.seq).toBe(9);
  });

  it('plans nothing twice when a crash repeats it', async () => {
    const memory = await opened({ a: 'ant', b: 'bee' });
    const row = memory.row();
    await carry(memory);
    const laid = memory.row();
    if (!row || !laid) throw new Error('no sweep');
    // The page was laid, and where it stopped was not recorded.
    await memory.state.swap('sweeps', { ...row, token: 'crashed' }, laid);
    await memory.all();
    const changes = memory.written(topics.changes) as Change[];
    expect(new Set(changes.map(({ document, blob, seq }) => `${document} ${blob} ${seq}`)).size).toBe(2);
  });
});

describe('wants that the tree lacks', () => {
  it('become gone, live, at the end', async () => {
    const memory = await opened(six);
    await memory.state.raise('wants', [want('old', 1, 'b1'), want('older', 2, 'b2')]);
    await memory.all();
    expect(paths(memory, topics.changes).sort()).toEqual(['old', 'older']);
    expect(memory.want('old')).toMatchObject({ blob: null, seq: SEQ });
  });

  it('stay when they are newer than the sweep', async () => {
    const memory = await opened(six);
    await memory.state.raise('wants', [want('newer', SEQ + 1, 'b1')]);
    await memory.all();
    expect(paths(memory, topics.changes)).toEqual([]);
    expect(memory.want('newer')?.blob).toBe('b1');
  });

  it('are all of them when the ref is gone', async () => {
    const memory = await opened(six, { head: null });
    await memory.state.raise('wants', [want('a', 1, 'b1'), want('b', 2, 'b2')]);
    await memory.all();
    expect(paths(memory, topics.changes).sort()).toEqual(['a', 'b']);
    expect(paths(memory, topics.changesBackfill)).toEqual([]);
    expect(memory.row()?.value.open).toBe(false);
  });

  it('are those that are not selected as well', async () => {
    const memory = await opened({ a: 'ant', xx: 'bee' });
    await memory.state.raise('wants', [want('xx', 1, blobOf('bee'))]);
    const parts = { ...memory.parts, selected: (path: string) => !path.startsWith('x') };
    while (memory.row()?.value.open) await carry({ ...memory, parts });
    expect(memory.want('xx')).toMatchObject({ blob: null, seq: SEQ });
    expect(memory.want('a')).toMatchObject({ blob: blobOf('ant') });
  });
});

describe('a carrier', () => {
  it('of a sweep that is closed, or of none, is superseded', async () => {
    const closed = await opened(six, { open: false });
    expect(await carry(closed)).toEqual(superseded('no open sweep'));
    expect(await carry(await memoryParts())).toEqual(superseded('no open sweep'));
    expect(paths(closed, topics.changesBackfill)).toEqual([]);
  });

  it('lays nothing of a sweep by older rules', async () => {
    const memory = await opened(six, { rules: 'r0' });
    expect(await carry(memory)).toEqual(superseded('a sweep by older rules'));
    expect(memory.want('a')).toBeUndefined();
  });

  it('stops a process whose rules do not hold any more', async () => {
    const memory = await opened(six);
    await memory.state.raise('rules', [{ key: 'rules', scope: 'rules', seq: 9, token: 't', value: { rules: 'r2' } }]);
    await expect(carry(memory)).rejects.toBeInstanceOf(StopFlow);
  });

  it('of a blocked project is superseded, and the sweep stays open', async () => {
    const memory = await opened(six);
    await blockProject(memory.parts, projectKey(MAIN), '403');
    expect(await carry(memory)).toEqual(superseded('project is closed'));
    expect(memory.row()?.value.open).toBe(true);
  });

  it('of a commit that is no more lays nothing and deletes nothing', async () => {
    const memory = await opened(six);
    await memory.state.raise('wants', [want('old', 1, 'b1')]);
    memory.push({ other: 'bee' });
    memory.repositories.collect();
    expect(await carry(memory)).toEqual(superseded('the commit is gone'));
    expect(memory.want('old')?.blob).toBe('b1');
    expect(memory.row()?.value.open).toBe(true);
  });

  const replacing = (memory: Awaited<ReturnType<typeof opened>>, seq: number) => {
    const { state } = memory;
    let happened = false;
    const replaced = async () => {
      if (happened) return;
      happened = true;
      const row = memory.row();
      if (row) await state.swap('sweeps', { ...row, seq, token: 'other' }, row);
    };
    const raise: typeof state.raise = async (table, rows) => {
      await state.raise(table, rows);
      if (table === 'wants') await replaced();
    };
    return { ...memory, parts: { ...memory.parts, state: { ...state, raise } } };
  };

  it('whose sweep is replaced after its wants appends no change, and has their paths looked at', async () => {
    const memory = replacing(await opened(six), SEQ + 1);
    expect(await carry(memory)).toEqual(superseded('sweep was replaced'));
    expect(paths(memory, topics.changesBackfill)).toEqual([]);
    expect(memory.written(topics.events)).toMatchObject([
      { kind: 'look', ...MAIN, paths: ['a', 'b', 'c'], runs: ['r7'] },
    ]);
    expect(memory.row()?.token).toBe('other');
  });

  it('that another one has overtaken on the same sweep does not move it, nor file it again', async () => {
    const memory = replacing(await opened(six), SEQ);
    expect(await carry(memory)).toEqual(superseded('sweep has moved on'));
    expect(memory.row()?.token).toBe('other');
    expect(carriers(memory)).toEqual([]);
  });
});
