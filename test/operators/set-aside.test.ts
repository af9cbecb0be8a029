import { firstValueFrom, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { BlockProject, DeadLetter, StopFlow } from '../../src/errors.ts';
import type { Parsed } from '../../src/operators/parse.ts';
import { blockProject, breaker, orSetAside } from '../../src/operators/set-aside.ts';
import { deadLettered, done, skipped, stage, superseded } from '../../src/operators/stage.ts';
import type { Settled } from '../../src/ports.ts';
import { type Change, type Event, encode, type Failure, projectKey } from '../../src/records.ts';
import { lent, taken } from '../support/lent.ts';
import { keyOf, MAIN, memoryParts } from '../support/memory-parts.ts';
import { NAMES } from '../trials/sim/names.ts';

const DEAD = NAMES.topics.deadLetters;
const change: Change = {
  ...{ v: 1, document: keyOf('a.md'), type: '100644', blob: 'b', rules: 'r1', seq: 3, runs: [], commit: 'c' },
};

const bench = async () => {
  const memory = await memoryParts();
  const unknown = breaker('collect');
  const failures: [string, Failure][] = [];
  const failed = async ({ document }: Change, failure: Failure) => {
    // The dead letter is there before anything else says that it failed.
    expect(memory.records(DEAD).length).toBeGreaterThan(failures.length);
    failures.push([document, failure]);
  };
  /** One delivery, whose chain throws the error or ends as it is told. */
  const handle = (how: unknown, deliveries: readonly Parsed<Change>[] = [taken(change)], name = 'convert') => {
    const chain = stage<Change, Settled>(name, async () => {
      if (how instanceof Error || typeof how === 'string') throw how;
      return how as Settled;
    });
    return firstValueFrom(of(change).pipe(chain, orSetAside(memory.parts, 'collect', unknown, deliveries, failed)));
  };
  return { ...memory, handle, failures };
};

describe('poison', () => {
  it('is a dead letter with the record as it was and all that explains it', async () => {
    const { handle, records, time } = await bench();
    const delivery = taken(change, { topic: 'changes', headers: { 'x-run': 'r7', 'x-stage': 'older' } });
    expect(await handle(new DeadLetter('poison', 'bad bytes'), [delivery])).toEqual(deadLettered('poison'));
    const [letter] = records(DEAD);
    expect(letter?.key).toBe(change.document);
    expect(letter?.value).toEqual(encode(change));
    const connect = Object.entries(letter?.headers ?? {}).filter(([name]) => name.startsWith('__connect.errors.'));
    expect(Object.fromEntries(connect)).toEqual({
      '__connect.errors.topic': 'changes',
      '__connect.errors.partition': '1',
      '__connect.errors.offset': '42',
      '__connect.errors.connector.name': `${NAMES.alias}-collect`,
      '__connect.errors.task.id': '0',
      '__connect.errors.stage': 'CONVERT',
      '__connect.errors.class.name': 'convert',
      '__connect.errors.exception.class.name': 'DeadLetter',
      '__connect.errors.exception.message': 'bad bytes',
      '__connect.errors.exception.stacktrace': expect.stringContaining('bad bytes'),
    });
    expect(letter?.headers).toEqual({
      ...Object.fromEntries(connect),
      'x-run': 'r7',
      'x-id': 'changes/1/42/convert',
      'x-flow': 'collect',
      'x-stage': 'convert',
      'x-class': 'poison',
      'x-message': 'bad bytes',
      'x-at': String(time.now()),
      'x-original-topic': 'changes',
      'x-original-partition': '1',
      'x-original-offset': '42',
      'x-original-timestamp': '1600000000000',
    });
  });

  it('is recorded beside its dead letter, with stage, class and message', async () => {
    const { handle, failures } = await bench();
    await handle(new DeadLetter('poison', 'bad bytes'));
    expect(failures).toEqual([[change.document, { stage: 'convert', class: 'poison', message: 'bad bytes' }]]);
  });

  it('keeps the bytes of what could not be read, and records nothing else of it', async () => {
    const { handle, records, failures } = await bench();
    const value = new Uint8Array([0xff, 0x00, 0x7b]);
    const error = new DeadLetter('unreadable', 'no record of this topic');
    const delivery = lent({ value, key: 'odd \udc80' });
    expect(await handle(error, [{ delivery, record: error }], 'parse')).toEqual(deadLettered('unreadable'));
    expect(records(DEAD)[0]).toMatchObject({ key: 'odd \udc80', value });
    expect(failures).toEqual([]);
  });

  it('is one dead letter for each delivery that was worked on together', async () => {
    const { handle, records, failures } = await bench();
    const both = [taken(change, { partition: 0, offset: 1 }), taken(change, { partition: 0, offset: 2 })];
    await handle(new DeadLetter('poison', 'bad bytes'), both);
    expect(records(DEAD).map(({ headers }) => headers['x-original-offset'])).toEqual(['1', '2']);
    expect(failures).toHaveLength(1);
  });

  it('has a message of bounded length', async () => {
    const { handle, records, failures } = await bench();
    await handle(new DeadLetter('poison', 'x'.repeat(100_000)));
    expect(records(DEAD)[0]?.headers['x-message']).toHaveLength(2_000);
    expect(failures[0]?.[1].message).toHaveLength(2_000);
  });

  it('settles nothing by itself: that is the next step’s', async () => {
    const { handle } = await bench();
    const delivery = taken(change);
    await handle(new DeadLetter('poison', 'bad bytes'), [delivery]);
    expect(delivery.delivery.settled).toBe(0);
  });
});

describe('what is unknown', () => {
  it('is a dead letter of class `unknown`', async () => {
    const { handle, records } = await bench();
    expect(await handle(new TypeError('x is not a function'))).toEqual(deadLettered('unknown'));
    expect(await handle('a string')).toEqual(deadLettered('unknown'));
    expect(records(DEAD).map(({ headers }) => [headers['x-class'], headers['x-message']])).toEqual([
      ['unknown', 'x is not a function'],
      ['unknown', 'a string'],
    ]);
  });

  const fail = async (handle: Awaited<ReturnType<typeof bench>>['handle'], times: number) => {
    for (let time = 0; time < times; time += 1) await handle(new TypeError(`number ${time}`));
  };

  it('stops the flow when it is the twentieth in a row, and is then no dead letter', async () => {
    const { handle, records } = await bench();
    await fail(handle, 19);
    const last = new TypeError('the last');
    await expect(handle(last)).rejects.toMatchObject({
      name: 'StopFlow',
      message: 'collect: 20 unknown failures in a row, the last: the last',
      cause: last,
    });
    expect(records(DEAD)).toHaveLength(19);
  });

  it.each([
    ['a known failure', new DeadLetter('poison', 'bad bytes')],
    ['a success', done],
  ])('is counted anew after %s', async (_, between) => {
    const { handle } = await bench();
    for (let round = 0; round < 3; round += 1) {
      await fail(handle, 19);
      await handle(between);
    }
    await fail(handle, 19);
    await expect(handle(new TypeError('the last'))).rejects.toBeInstanceOf(StopFlow);
  });

  it.each([superseded('no want'), skipped('symlink')])(
    'is counted on over what came to no work: $outcome',
    async (between) => {
      const { handle } = await bench();
      await fail(handle, 19);
      await handle(between);
      await expect(handle(new TypeError('the last'))).rejects.toBeInstanceOf(StopFlow);
    },
  );
});

describe('a breaker', () => {
  it('ends the flow when more than half of what it works on is set aside, before it is', async () => {
    const { handle, records } = await bench();
    const poison = new DeadLetter('poison', 'bad bytes');
    for (let at = 0; at < 100; at += 1) await handle(poison);
    await expect(handle(poison)).rejects.toThrow(/101 of the last 101 records failed/);
    expect(records(DEAD)).toHaveLength(100);
  });

  it('lets be what fails now and then', async () => {
    const { handle, records } = await bench();
    for (let at = 0; at < 300; at += 1) {
      await handle(done);
      await handle(new DeadLetter('poison', 'bad bytes'));
    }
    expect(records(DEAD)).toHaveLength(300);
  });
});

describe('what is no delivery’s fault', () => {
  it('leaves the chain as it is: a fault', async () => {
    const { handle, records, failures } = await bench();
    const fault = new StopFlow('the credentials are refused');
    await expect(handle(fault)).rejects.toBe(fault);
    expect(records(DEAD)).toEqual([]);
    expect(failures).toEqual([]);
  });

  it('passes by how a delivery ended', async () => {
    const { handle, records } = await bench();
    for (const ended of [done, skipped('empty'), superseded('no want')]) expect(await handle(ended)).toBe(ended);
    expect(records(DEAD)).toEqual([]);
  });
});

describe('a project that refuses', () => {
  const project = projectKey(MAIN);

  it('is blocked with the reason, and the delivery is settled without a record', async () => {
    const { handle, records, failures, state, time, telemetry } = await bench();
    expect(await handle(new BlockProject('403 Forbidden'))).toEqual(superseded('project is blocked'));
    expect(state.inspectOne('projects', project)?.value.blocked).toEqual({ reason: '403 Forbidden', at: time.now() });
    expect(records(DEAD)).toEqual([]);
    expect(failures).toEqual([]);
    expect(telemetry.told).toEqual([['projectBlocked', { project, reason: '403 Forbidden' }]]);
  });

  it('is found in an event as well', async () => {
    const { parts, state, event } = await bench();
    const work = stage<Event, Settled>('head', () => Promise.reject(new BlockProject('404')));
    const one = event();
    await firstValueFrom(of(one).pipe(work, orSetAside(parts, 'plan', breaker('plan'), [taken(one)])));
    expect(state.inspectOne('projects', project)?.value.blocked?.reason).toBe('404');
  });

  it('keeps what is known of it, and the reason that it was blocked for first', async () => {
    const { parts, state, telemetry } = await bench();
    const value = {
      ...{ path: 'team/site', url: 'https://x', visibility: 'public', groups: ['team'], refs: ['main'] },
      ...{ blocked: undefined, reopened: false },
    };
    await state.raise('projects', [{ key: project, scope: 'projects', seq: 4, token: 't', value }]);
    await blockProject(parts, project, '403');
    await blockProject(parts, project, '404');
    const row = state.inspectOne('projects', project);
    expect(row?.seq).toBe(5);
    expect(row?.value).toEqual({ ...value, blocked: { reason: '403', at: parts.time.now() } });
    expect(telemetry.told).toHaveLength(1);
  });

  it('is blocked although its row changes in between', async () => {
    const { parts, state } = await bench();
    let swaps = 0;
    const racing = {
      ...state,
      async swap(...[table, row, over]: Parameters<typeof state.swap>) {
        swaps += 1;
        if (swaps === 1) {
          const value = { path: 'team/site', url: undefined, visibility: 'private', groups: [], refs: ['main'] };
          const other = { ...value, blocked: undefined, reopened: false };
          await state.raise('projects', [{ key: project, scope: 'projects', seq: 9, token: 'other', value: other }]);
        }
        return state.swap(table, row, over);
      },
    };
    await blockProject({ ...parts, state: racing as typeof state }, project, '403');
    expect(state.inspectOne('projects', project)?.value).toMatchObject({ refs: ['main'], blocked: { reason: '403' } });
  });
});
