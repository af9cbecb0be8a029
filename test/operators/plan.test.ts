import { firstValueFrom, of, pipe } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { StopFlow } from '../../src/errors.ts';
import { byKind, claim, compare, type Hints, layAndRecord, readHead, sameLook } from '../../src/operators/plan.ts';
import { blockProject } from '../../src/operators/set-aside.ts';
import { done, stage, superseded } from '../../src/operators/stage.ts';
import type { Parts } from '../../src/parts.ts';
import type { Settled, State } from '../../src/ports.ts';
import { type Event, projectKey, refKey } from '../../src/records.ts';
import { HOUR, SECOND } from '../../src/units.ts';
import { lent, taken } from '../support/lent.ts';
import { entryOf, keyOf, MAIN, type MemoryParts, memoryParts } from '../support/memory-parts.ts';
import { NAMES } from '../trials/sim/names.ts';
import { blobOf } from '../trials/sim/repository.ts';

const { topics } = NAMES;
const KEY = refKey(MAIN);

const lookOf = (parts: Parts) => pipe(claim(parts), readHead(parts), compare(parts), layAndRecord(parts));

/** Plans the events as one look, and comes to its end whatever it waits for. */
const planning =
  ({ parts, time, event }: MemoryParts, using: Parts = parts) =>
  async (...events: Event[]): Promise<Settled> => {
    const [first = event(), ...others] = events;
    const hints: Hints = [first, ...others];
    await time.advance(1);
    return (await time.finish(firstValueFrom(of(hints).pipe(lookOf(using))))) as Settled;
  };

/** The ledger says of all wants that they were reached. */
const reachAll = async ({ state, generation }: MemoryParts) => {
  for (const { key, seq, value } of state.inspect('wants'))
    await generation.record(
      entryOf({ document: key, seq, blob: value.blob, status: value.blob === null ? 'gone' : 'indexed' }),
      'lower',
    );
};

/** A ref that is planned up to its head, with a ledger that has reached it all. */
const planned = async (files: Record<string, string>) => {
  const memory = await memoryParts();
  const head = memory.push(files);
  const row = { planned: head, dirty: false, rules: 'r1' };
  await memory.state.swap('refs', { key: KEY, scope: 'refs', seq: 1, token: 't', value: row }, undefined);
  const wants = Object.entries(files).map(([path, content]) => {
    const key = keyOf(path);
    const value = { document: key, type: '100644', blob: blobOf(content), rules: 'r1', seq: 1 };
    return { key, scope: KEY, seq: 1, token: '', value };
  });
  await memory.state.raise('wants', wants);
  await reachAll(memory);
  return { ...memory, head, plan: planning(memory), row: () => memory.state.inspectOne('refs', KEY) };
};

const pathOf = (document: unknown) => String(document).split('\0')[3];
const changed = (memory: MemoryParts, topic = topics.changes) =>
  memory.written(topic).map((change) => {
    const { document, blob } = change as { document: string; blob: string | null };
    return blob === null ? `-${pathOf(document)}` : pathOf(document);
  });

describe('which events are one look', () => {
  const event = (of: Partial<Event>): Event => ({
    ...{ v: 1, id: 'e', kind: 'look', ...MAIN, runs: [], at: 1 },
    ...of,
  });
  const same = (a: Partial<Event>, b: Partial<Event>) => sameLook(taken(event(a)), taken(event(b)));

  it('those of one kind and ref', () => {
    expect(same({ after: 'c1' }, { paths: ['a'], force: true })).toBe(true);
    for (const other of [{ ref: 'dev' }, { project: '8' }, { instance: 'i' }, { kind: 'carry' as const }])
      expect(same({}, other)).toBe(false);
  });

  it('never one that cannot be read', () => {
    const unread = { delivery: lent(), record: null };
    expect(sameLook(unread, unread)).toBe(false);
    expect(sameLook(taken(event({})), unread)).toBe(false);
  });

  it('each kind goes its own way, and what is settled goes none', async () => {
    const way = (name: string) => stage<Hints, Settled>(name, async () => superseded(name));
    const kinds = byKind({ look: way('look'), carry: way('carry'), project: way('project') });
    for (const kind of ['look', 'carry', 'project'] as const)
      expect(await firstValueFrom(of([event({ kind })] as const).pipe(kinds))).toEqual(superseded(kind));
    expect(await firstValueFrom(of(done).pipe(kinds))).toBe(done);
  });
});

describe('a small look', () => {
  it('writes the wants that differ, appends their changes live and records the head', async () => {
    const memory = await planned({ 'a.md': 'ant', 'b.md': 'bee', 'c.md': 'cat' });
    const head = memory.push({ 'a.md': 'ant', 'b.md': 'dog', 'd.md': 'eel' });
    expect(await memory.plan(memory.event({ after: head, before: memory.head, runs: ['r7'] }))).toEqual(done);
    expect(changed(memory).sort()).toEqual(['-c.md', 'b.md', 'd.md']);
    const seq = memory.row()?.seq;
    expect(memory.row()?.value).toEqual({ planned: head, dirty: false, rules: 'r1' });
    expect(memory.want('b.md')).toEqual({
      ...{ document: keyOf('b.md'), type: '100644', blob: blobOf('dog'), rules: 'r1', seq },
    });
    expect(memory.want('c.md')).toMatchObject({ blob: null, seq });
    expect(memory.want('a.md')?.seq).toBe(1);
    const [change] = memory
      .written(topics.changes)
      .filter((one) => pathOf((one as { document: string }).document) === 'b.md');
    expect(change).toEqual({
      ...{ v: 1, document: keyOf('b.md'), type: '100644', blob: blobOf('dog'), size: 3 },
      ...{ rules: 'r1', seq, runs: ['r7'], commit: head, together: 2 },
    });
    expect(memory.telemetry.told).toContainEqual(['planned', { ref: KEY, changes: 3, seq }]);
  });

  it('of a tree that has not changed plans nothing', async () => {
    const memory = await planned({ 'a.md': 'ant' });
    expect(await memory.plan()).toEqual(done);
    expect(await memory.plan()).toEqual(done);
    expect(changed(memory)).toEqual([]);
    expect(memory.written(topics.eventsBackfill)).toEqual([]);
  });

  it('plans what an event names although nothing differs, with a new seq', async () => {
    const memory = await planned({ 'a.md': 'ant', 'b.md': 'bee' });
    await memory.plan(memory.event({ paths: ['a.md'] }), memory.event({ paths: ['never.md'] }));
    expect(changed(memory).sort()).toEqual(['-never.md', 'a.md']);
    expect(memory.want('a.md')?.seq).toBe(memory.row()?.seq);
  });

  it('plans again what the ledger has not reached: its want may be the trace of a plan that died', async () => {
    const memory = await planned({ 'a.md': 'ant' });
    const head = memory.push({ 'a.md': 'bee' });
    await memory.plan(memory.event({ after: head }));
    // Pushed back and forth: the tree says the same as the want, and the ledger knows nothing of it.
    const back = memory.push({ 'a.md': 'ant' });
    await memory.plan(memory.event({ after: back }));
    const forth = memory.push({ 'a.md': 'bee' });
    await memory.plan(memory.event({ after: forth }));
    expect(changed(memory)).toEqual(['a.md', 'a.md', 'a.md']);
  });

  it('takes the seq above both the clock and the row', async () => {
    const memory = await planned({ 'a.md': 'ant' });
    await memory.plan();
    expect(memory.row()?.seq).toBe(memory.time.now());
    const ahead = memory.time.now() + HOUR;
    const row = memory.row();
    if (!row) throw new Error('no row');
    await memory.state.swap('refs', { ...row, seq: ahead, token: 'skewed' }, row);
    await memory.plan();
    expect(memory.row()?.seq).toBe(ahead + 1);
  });

  it('leaves out what is not selected, and takes away what was', async () => {
    const memory = await planned({ 'a.md': 'ant', 'x.md': 'bee' });
    const head = memory.push({ 'a.md': 'cat', 'x.md': 'dog', 'xx.md': 'eel' });
    const selected = (path: string) => !path.startsWith('x');
    await planning(memory, { ...memory.parts, selected })(memory.event({ after: head }));
    expect(changed(memory).sort()).toEqual(['-x.md', 'a.md']);
    expect(memory.want('xx.md')).toBeUndefined();
  });
});

describe('a head that lags behind its hint', () => {
  it('is looked at again after 1, 2, 4, 8 and 15 seconds, and then believed', async () => {
    const memory = await planned({ 'a.md': 'ant' });
    memory.repositories.lag(HOUR);
    const before = memory.time.slept.length;
    await memory.time.advance(HOUR);
    memory.push({ 'a.md': 'bee' });
    await memory.plan(memory.event({ before: memory.head, after: 'c2' }));
    expect(memory.time.slept.slice(before)).toEqual([1, 2, 4, 8, 15].map((seconds) => seconds * SECOND));
    expect(changed(memory)).toEqual([]);
    expect(memory.row()?.value.planned).toBe(memory.head);
  });

  it('is waited for no longer than it lags', async () => {
    const memory = await planned({ 'a.md': 'ant' });
    await memory.time.advance(10 * SECOND);
    memory.repositories.lag(2 * SECOND);
    const before = memory.time.slept.length;
    const head = memory.push({ 'a.md': 'bee' });
    await memory.plan(memory.event({ before: memory.head, after: head }));
    expect(memory.time.slept.slice(before)).toEqual([1 * SECOND, 2 * SECOND]);
    expect(changed(memory)).toEqual(['a.md']);
  });

  it('is believed at once when it is a later one than any hint says', async () => {
    const memory = await planned({ 'a.md': 'ant' });
    const before = memory.time.slept.length;
    const one = memory.push({ 'a.md': 'bee' });
    memory.push({ 'a.md': 'cat' });
    await memory.plan(memory.event({ before: memory.head, after: one }));
    expect(memory.time.slept.slice(before)).toEqual([]);
    expect(memory.want('a.md')?.blob).toBe(blobOf('cat'));
  });

  it('that lacks the whole branch is not believed without a hint that says so', async () => {
    const memory = await planned({ 'a.md': 'ant' });
    memory.repositories.move(MAIN.project, 'main', undefined);
    const before = memory.time.slept.length;
    await memory.plan(memory.event());
    expect(memory.time.slept.slice(before)).toHaveLength(5);
  });
});

describe('a full look', () => {
  const opened = (memory: MemoryParts) => memory.state.inspectOne('sweeps', KEY);
  const carriers = (memory: MemoryParts) =>
    memory.written(topics.eventsBackfill).filter((event) => (event as Event).kind === 'carry');

  it('opens a sweep at its seq and files the event that carries it', async () => {
    const memory = await memoryParts();
    const head = memory.push({ 'a.md': 'ant' });
    expect(await planning(memory)(memory.event({ runs: ['r7'] }))).toEqual(done);
    const row = memory.state.inspectOne('refs', KEY);
    expect(row?.value).toEqual({ planned: head, dirty: false, rules: 'r1' });
    expect(opened(memory)).toMatchObject({
      seq: row?.seq,
      value: { head, open: true, phase: 'tree', cursor: undefined, rules: 'r1', runs: ['r7'] },
    });
    expect(carriers(memory)).toMatchObject([{ kind: 'carry', ...MAIN, runs: ['r7'] }]);
    expect(changed(memory)).toEqual([]);
  });

  it.each<[string, (memory: Awaited<ReturnType<typeof planned>>) => Promise<Partial<Event>>]>([
    ['an event asks for one', async () => ({ force: true })],
    [
      'a plan before did not come to its end',
      async ({ state, row }) => {
        const before = row();
        if (before)
          await state.swap('refs', { ...before, token: 'x', value: { ...before.value, dirty: true } }, before);
        return {};
      },
    ],
    [
      'it was planned by other rules',
      async ({ state, row }) => {
        const before = row();
        if (before)
          await state.swap('refs', { ...before, token: 'x', value: { ...before.value, rules: 'r0' } }, before);
        return {};
      },
    ],
    [
      'the commit that was planned is no more',
      async ({ push, repositories }) => {
        const after = push({ 'a.md': 'bee' });
        repositories.collect();
        return { after };
      },
    ],
    [
      'more differs than goes live',
      async ({ push }) => ({
        after: push(Object.fromEntries([1, 2, 3, 4, 5, 6].map((number) => [`${number}.md`, 'bee']))),
      }),
    ],
    [
      'the ref is gone',
      async ({ repositories }) => {
        repositories.move(MAIN.project, 'main', undefined);
        return { after: null };
      },
    ],
  ])('is what it takes when %s', async (_, how) => {
    const memory = await planned({ 'a.md': 'ant' });
    const of = await how(memory);
    expect(await memory.plan(memory.event(of))).toEqual(done);
    expect(opened(memory)?.value.open).toBe(true);
    expect(carriers(memory)).toHaveLength(1);
    expect(changed(memory)).toEqual([]);
  });

  it('takes over the runs of the sweep that it replaces', async () => {
    const memory = await memoryParts();
    memory.push({ 'a.md': 'ant' });
    const plan = planning(memory);
    await plan(memory.event({ force: true, runs: ['r1'] }));
    const first = opened(memory)?.seq ?? 0;
    await plan(memory.event({ force: true, runs: ['r2'] }));
    expect(opened(memory)?.seq).toBeGreaterThan(first);
    expect([...(opened(memory)?.value.runs ?? [])].sort()).toEqual(['r1', 'r2']);
  });

  it('that is still open has its carrier filed again by a small look, which leaves nothing alone', async () => {
    const memory = await planned({ 'a.md': 'ant', 'b.md': 'bee' });
    await memory.plan(memory.event({ force: true }));
    const head = memory.push({ 'a.md': 'cat', 'b.md': 'bee' });
    await memory.plan(memory.event({ after: head }));
    expect(carriers(memory)).toHaveLength(2);
    expect(changed(memory)).toEqual(['a.md']);
  });
});

describe('a plan that is overtaken', () => {
  /** The state, with something done just before the nth write of wants, reading of the ref or recording of its end. */
  const interrupted = (state: State, when: (call: string) => boolean, what: () => Promise<unknown>): State => {
    let happened = false;
    const interrupt = async (call: string) => {
      if (happened || !when(call)) return;
      happened = true;
      await what();
    };
    return {
      ...state,
      async raise(table, rows) {
        await interrupt(`raise ${table}`);
        return state.raise(table, rows);
      },
      async swap(table, row, over) {
        await interrupt(`swap ${table} ${JSON.stringify(row.value)}`);
        return state.swap(table, row, over);
      },
    };
  };

  /** Another plan of the ref, from beginning to end. */
  const another = ({ parts, event }: MemoryParts) => firstValueFrom(of<Hints>([event()]).pipe(lookOf(parts)));

  it('between its wants and its changes appends none, and files a full look', async () => {
    const memory = await planned({ 'a.md': 'ant' });
    const head = memory.push({ 'a.md': 'bee' });
    const state = interrupted(
      memory.state,
      (call) => call === 'raise wants',
      () => another(memory),
    );
    const look = memory.event({ after: head, runs: ['r7'] });
    const settled = await planning(memory, { ...memory.parts, state })(look);
    expect(settled).toEqual(superseded('overtaken'));
    expect(memory.written(topics.events)).toMatchObject([{ kind: 'look', ...MAIN, force: true, runs: ['r7'] }]);
    expect(changed(memory)).toEqual([]);
    expect(memory.row()?.seq).toBeGreaterThan(1);
    expect(memory.telemetry.told.map(([name]) => name)).toContain('overtaken');
  });

  it('before it records its end does not record it, and files a full look', async () => {
    const memory = await planned({ 'a.md': 'ant' });
    const head = memory.push({ 'a.md': 'bee' });
    const take = async () => {
      const row = memory.row();
      if (!row) throw new Error('no row');
      await memory.state.swap('refs', { ...row, seq: row.seq + 1, token: 'other' }, row);
    };
    const ended = (call: string) => call.startsWith('swap refs') && call.includes('"dirty":false');
    const state = interrupted(memory.state, ended, take);
    expect(await planning(memory, { ...memory.parts, state })(memory.event({ after: head }))).toEqual(
      superseded('overtaken'),
    );
    expect(memory.row()?.token).toBe('other');
    expect(memory.row()?.value).toMatchObject({ dirty: true, planned: memory.head });
    expect(memory.written(topics.events)).toMatchObject([{ force: true }]);
  });

  it('while it claims takes the ref all the same, with a higher seq', async () => {
    const memory = await planned({ 'a.md': 'ant' });
    const claims = (call: string) => call.startsWith('swap refs') && call.includes('"dirty":true');
    let other = 0;
    const state = interrupted(memory.state, claims, async () => {
      await another(memory);
      other = memory.row()?.seq ?? 0;
    });
    expect(await planning(memory, { ...memory.parts, state })()).toEqual(done);
    expect(other).toBeGreaterThan(1);
    expect(memory.row()?.seq).toBeGreaterThan(other);
  });
});

describe('a look that is not made', () => {
  it('is one at a blocked project', async () => {
    const memory = await planned({ 'a.md': 'ant' });
    await blockProject(memory.parts, projectKey(MAIN), '403');
    const head = memory.push({ 'a.md': 'bee' });
    expect(await memory.plan(memory.event({ after: head }))).toEqual(superseded('project is closed'));
    expect(memory.row()?.seq).toBe(1);
  });

  it('is one by a process whose rules do not hold any more', async () => {
    const memory = await planned({ 'a.md': 'ant' });
    await memory.state.raise('rules', [{ key: 'rules', scope: 'rules', seq: 9, token: 't', value: { rules: 'r2' } }]);
    await expect(memory.plan()).rejects.toBeInstanceOf(StopFlow);
    expect(memory.row()?.seq).toBe(1);
  });
});
