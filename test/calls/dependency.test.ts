import { describe, expect, it } from 'vitest';
import { asBlocked, asDeadLetter, dependency, PATIENCE, type Patience, steady } from '../../src/calls/dependency.ts';
import { BlockProject, DeadLetter, StopFlow, TryAgain, Unavailable } from '../../src/errors.ts';
import type { Item } from '../../src/parts.ts';
import { DAY, HOUR, MINUTE, SECOND } from '../../src/units.ts';
import { fakeTime, quiet } from '../support/fake-time.ts';
import { recordedTelemetry } from '../support/telemetry.ts';

const item = (key: string, project = 'p', exhausted: Item['exhausted'] = asDeadLetter): Item => ({
  key,
  project,
  exhausted,
});

/** A dependency whose probe answers as `up` says, and what became of the calls through it. */
const bench = ({
  random = (): number => 0.5,
  patience = PATIENCE,
}: {
  random?: () => number;
  patience?: Patience;
} = {}) => {
  const time = fakeTime({ random });
  const telemetry = recordedTelemetry();
  const service = { up: true, probes: 0, fault: undefined as unknown };
  const subject = dependency(
    'store',
    async () => {
      service.probes += 1;
      if (service.fault) throw service.fault;
      if (!service.up) throw new TryAgain('no answer to a probe');
    },
    { time, telemetry, patience },
  );
  const start = time.now();
  return {
    ...{ time, telemetry, service, subject },
    passed: () => time.now() - start,
    names: () => telemetry.told.map(([name]) => name),
  };
};

/** A call that fails while the condition holds, and counts how often it was made. */
const failing = (while_: () => boolean, error: () => Error = () => new TryAgain('503')) => {
  const call = async () => {
    call.made += 1;
    if (while_()) throw error();
    return 'answer';
  };
  call.made = 0;
  return call;
};
const always = () => true;

/** What a call came to, once it has come to something. */
const outcome = <T>(work: Promise<T>) => {
  const seen: { value?: T; error?: unknown } = {};
  work.then(
    (value) => {
      seen.value = value;
    },
    (error: unknown) => {
      seen.error = error;
    },
  );
  return seen;
};

describe('a dependency that has never answered', () => {
  const patience = { ...PATIENCE, firstAnswerMs: 20 * SECOND };

  it('is given up after the time that a command has for it, for all who wait', async () => {
    const { subject, service, time } = bench({ patience });
    service.up = false;
    const seen = [outcome(subject.attempt(failing(always))), outcome(subject.attempt(failing(always), item('a')))];
    await time.advance(19 * SECOND);
    expect(seen).toEqual([{}, {}]);
    await time.advance(2 * MINUTE);
    for (const { error } of seen) {
      expect(error).toBeInstanceOf(Unavailable);
      expect(error).toMatchObject({ message: 'store has not answered within 20 s: 503' });
    }
  });

  it('is waited for once it has answered anybody', async () => {
    const { subject, service, time } = bench({ patience });
    await subject.attempt(async () => 'answer');
    service.up = false;
    const seen = outcome(subject.attempt(failing(() => !service.up)));
    await time.advance(HOUR);
    expect(seen).toEqual({});
    service.up = true;
    await time.advance(MINUTE);
    expect(seen).toEqual({ value: 'answer' });
  });
});

describe('a dependency that is down', () => {
  it('is waited for as long as it takes, and the call is made again when it answers', async () => {
    const { subject, service, time, telemetry, passed } = bench();
    service.up = false;
    const call = failing(() => !service.up);
    const seen = outcome(subject.attempt(call, item('a')));
    await time.advance(DAY);
    expect(seen).toEqual({});
    expect(call.made).toBe(1);
    expect(subject.downSince()).toBe(time.now() - passed());
    service.up = true;
    await time.advance(PATIENCE.capMs);
    expect(seen).toEqual({ value: 'answer' });
    expect(call.made).toBe(2);
    expect(subject.downSince()).toBeUndefined();
    expect(telemetry.told).toEqual([
      ['dependencyDown', { dependency: 'store', error: '503' }],
      ['dependencyUp', { dependency: 'store' }],
    ]);
  });

  it('is probed by one caller, whoever else waits, with a backoff that doubles up to its cap', async () => {
    const { subject, service, time } = bench();
    service.up = false;
    const first = outcome(subject.attempt(failing(() => !service.up)));
    await quiet();
    const later = [1, 2, 3].map((number) => {
      const call = failing(() => !service.up);
      return { call, seen: outcome(subject.attempt(call, item(`later ${number}`))) };
    });
    await time.advance(10 * MINUTE);
    // Half of each step is certain, and half is chance: 0.5 of it here.
    expect(time.slept.slice(0, 10)).toEqual([75, 150, 300, 600, 1_200, 2_400, 4_800, 9_600, 19_200, 22_500]);
    expect(new Set(time.slept.slice(9))).toEqual(new Set([22_500]));
    expect(service.probes).toBe(time.slept.length);
    expect(time.sleepers()).toBe(1);
    // Nobody calls what is known to be down.
    expect(later.map(({ call }) => call.made)).toEqual([0, 0, 0]);
    service.up = true;
    await time.advance(PATIENCE.capMs);
    expect([first, ...later.map(({ seen }) => seen)]).toEqual(Array(4).fill({ value: 'answer' }));
    expect(later.map(({ call }) => call.made)).toEqual([1, 1, 1]);
  });

  it.each([
    [0, 50],
    [0.999999, 100],
  ])('is probed at a moment of chance: at %d of it after %d ms', async (chance, ms) => {
    const { subject, service, time } = bench({ random: () => chance });
    service.up = false;
    outcome(subject.attempt(failing(() => !service.up)));
    await quiet();
    expect(Math.round(time.slept[0] ?? 0)).toBe(ms);
  });

  it('counts no attempt against any item, however long it is down and however often', async () => {
    const { subject, service, time } = bench();
    const seen = outcome(subject.attempt(failing(always), item('a')));
    for (let round = 0; round < 5; round += 1) {
      service.up = false;
      await time.advance(HOUR);
      service.up = true;
      await time.advance(PATIENCE.capMs);
    }
    expect(seen).toEqual({});
  });

  it('does not let an item fail that was tried before it went down, until its own time is over', async () => {
    const { subject, service, time } = bench();
    const seen = outcome(subject.attempt(failing(always), item('a')));
    await time.advance(1 * MINUTE);
    expect(subject.retried()).toBe(1);
    service.up = false;
    await time.advance(HOUR);
    service.up = true;
    await time.advance(10 * MINUTE);
    expect(seen).toEqual({});
    await time.advance(5 * MINUTE);
    expect(seen.error).toBeInstanceOf(DeadLetter);
  });

  it('does not block a project whose items were tried before it went down', async () => {
    const { subject, service, time } = bench();
    const seen = Array.from({ length: 12 }, (_, at) => outcome(subject.attempt(failing(always), item(`${at}`))));
    await time.advance(10 * SECOND);
    service.up = false;
    await time.advance(HOUR);
    service.up = true;
    await time.advance(25 * SECOND);
    expect(seen.every(({ error }) => error === undefined)).toBe(true);
  });

  it('is left alone for as long as it asks', async () => {
    const { subject, service, time } = bench();
    service.up = false;
    const busy = () => new TryAgain('429', { retryAfterMs: 5 * MINUTE });
    outcome(subject.attempt(failing(() => !service.up, busy)));
    await time.advance(5 * MINUTE - 1);
    expect(service.probes).toBe(1);
    await time.advance(1);
    expect(service.probes).toBe(2);
    expect(time.slept[0]).toBe(5 * MINUTE);
  });

  it('whose probe meets a fault ends every call that waits for it with that fault', async () => {
    const { subject, service, time } = bench();
    service.up = false;
    const seen = [1, 2].map((number) => outcome(subject.attempt(failing(always), item(`${number}`))));
    await quiet();
    const fault = new StopFlow('the credentials are refused');
    service.fault = fault;
    await time.advance(1 * MINUTE);
    expect(seen).toEqual([{ error: fault }, { error: fault }]);
    expect(subject.downSince()).toBeUndefined();
  });

  it('whose first probe meets a fault ends the call at once', async () => {
    const { subject, service } = bench();
    const fault = new StopFlow('the credentials are refused');
    service.fault = fault;
    await expect(subject.attempt(failing(always), item('a'))).rejects.toBe(fault);
    expect(subject.retried()).toBe(0);
  });
});

describe('an item that fails while the dependency answers others', () => {
  it('is tried for 15 minutes, and then is what its caller says', async () => {
    const { subject, time, passed, names } = bench();
    const call = failing(always);
    const seen = outcome(subject.attempt(call, item('a')));
    await time.advance(15 * MINUTE - 1);
    expect(seen).toEqual({});
    await time.advance(PATIENCE.capMs);
    expect(seen.error).toBeInstanceOf(DeadLetter);
    expect(seen.error).toMatchObject({ kind: 'unavailable', message: '503' });
    expect(passed()).toBeGreaterThanOrEqual(15 * MINUTE);
    expect(call.made).toBeGreaterThanOrEqual(8);
    expect(subject.retried()).toBe(0);
    // Whoever waits for it is told once.
    expect(names()).toEqual(['callRepeated']);
    const blocked = outcome(subject.attempt(failing(always), item('b', 'p', asBlocked)));
    await time.advance(16 * MINUTE);
    expect(blocked.error).toBeInstanceOf(BlockProject);
  });

  it('is tried at least eight times, however long the process slept in between', async () => {
    const { subject, time } = bench();
    const slow = failing(always, () => new TryAgain('503', { retryAfterMs: 10 * MINUTE }));
    const seen = outcome(subject.attempt(slow, item('a')));
    await time.advance(65 * MINUTE);
    expect(slow.made).toBe(7);
    expect(seen).toEqual({});
    await time.advance(10 * MINUTE);
    expect(slow.made).toBe(8);
    expect(seen.error).toBeInstanceOf(DeadLetter);
  });

  it('is done when it is answered at last, and then holds no place among the retried ones', async () => {
    const { subject, time } = bench();
    let broken = true;
    const seen = outcome(
      subject.attempt(
        failing(() => broken),
        item('a'),
      ),
    );
    await time.advance(10 * MINUTE);
    expect(subject.retried()).toBe(1);
    broken = false;
    await time.advance(PATIENCE.capMs);
    expect(seen).toEqual({ value: 'answer' });
    expect(subject.retried()).toBe(0);
  });

  it('waits as long as it is asked to', async () => {
    const { subject, time } = bench();
    const call = failing(always, () => new TryAgain('429', { retryAfterMs: 2 * MINUTE }));
    outcome(subject.attempt(call, item('a')));
    await time.advance(2 * MINUTE - 1);
    expect(call.made).toBe(1);
    await time.advance(1);
    expect(call.made).toBe(2);
  });

  it('is one of at most a quarter of the window: what is beyond is no item’s trouble and never ends', async () => {
    const { subject, time } = bench();
    const seen = Array.from({ length: 40 }, (_, at) =>
      outcome(subject.attempt(failing(always), item(`${at}`, `p${at}`))),
    );
    await time.advance(1 * MINUTE);
    expect(subject.retried()).toBe(PATIENCE.items);
    await time.advance(15 * MINUTE);
    expect(seen.filter(({ error }) => error !== undefined).length).toBeGreaterThanOrEqual(PATIENCE.items);
    expect(subject.retried()).toBeLessThanOrEqual(PATIENCE.items);
  });

  it('is retried for ever when it is no item, and nobody counts it', async () => {
    const { subject, time } = bench();
    let broken = true;
    const seen = outcome(subject.attempt(failing(() => broken)));
    await time.advance(DAY);
    expect(seen).toEqual({});
    expect(subject.retried()).toBe(0);
    broken = false;
    await time.advance(PATIENCE.capMs);
    expect(seen).toEqual({ value: 'answer' });
  });
});

describe('items of one project', () => {
  const start = (subject: ReturnType<typeof bench>['subject'], count: number, project: (at: number) => string) =>
    Array.from({ length: count }, (_, at) => outcome(subject.attempt(failing(always), item(`${at}`, project(at)))));

  it('that fail ten at a time for a minute block the project', async () => {
    const { subject, time } = bench();
    const seen = start(subject, 10, () => 'p');
    await time.advance(59 * SECOND);
    expect(seen.every(({ error }) => error === undefined)).toBe(true);
    await time.advance(31 * SECOND);
    const errors = seen.filter(({ error }) => error !== undefined);
    expect(errors.length).toBeGreaterThan(0);
    for (const { error } of errors) expect(error).toBeInstanceOf(BlockProject);
    expect(String(errors[0]?.error)).toContain('10 items of the project fail while store answers others: 503');
  });

  it('that fail nine at a time do not', async () => {
    const { subject, time } = bench();
    const seen = start(subject, 9, () => 'p');
    await time.advance(10 * MINUTE);
    expect(seen.every(({ error }) => error === undefined)).toBe(true);
  });

  it('are not counted with those of others', async () => {
    const { subject, time } = bench();
    const seen = start(subject, 18, (at) => `p${at % 2}`);
    await time.advance(10 * MINUTE);
    expect(seen.every(({ error }) => error === undefined)).toBe(true);
  });
});

describe('what is not the dependency’s', () => {
  it.each([
    ['poison', new DeadLetter('poison', 'bad bytes')],
    ['a project that refuses', new BlockProject('403')],
    ['a fault', new StopFlow('401')],
  ])('%s passes at once', async (_, error) => {
    const { subject, service, time } = bench();
    const call = failing(always, () => error);
    await expect(subject.attempt(call, item('a'))).rejects.toBe(error);
    expect([call.made, service.probes, time.slept.length]).toEqual([1, 0, 0]);
  });

  it('an unknown error is tried three times, and passes as it is', async () => {
    const { subject, service, time } = bench();
    const error = new TypeError('x is not a function');
    const call = failing(always, () => error);
    const work = subject.attempt(call, item('a'));
    const seen = outcome(work);
    await time.finish(work.catch(() => undefined));
    expect(seen).toEqual({ error });
    expect(call.made).toBe(3);
    expect(service.probes).toBe(0);
    expect(time.slept).toEqual([75, 150]);
  });

  it('an unknown error that goes away is nobody’s concern', async () => {
    const { subject, time } = bench();
    let made = 0;
    const call = async () => {
      made += 1;
      if (made < 3) throw new TypeError('not yet');
      return made;
    };
    expect(await time.finish(subject.attempt(call, item('a')))).toBe(3);
  });
});

describe('a steady port', () => {
  interface Port {
    readonly version: string;
    twice(value: number): Promise<number>;
    two(): Promise<string>;
    later(): AsyncIterable<number>;
  }

  const port = (made: string[], error: () => unknown): Port => ({
    version: 'v1',
    async twice(value) {
      made.push(`twice ${value}`);
      const thrown = error();
      if (thrown) throw thrown;
      return 2 * value;
    },
    async two() {
      made.push('two');
      return '2';
    },
    async *later() {
      yield 1;
    },
  });

  it('repeats the call that fails, with its arguments, and no other', async () => {
    const { subject, service, time } = bench();
    const made: string[] = [];
    service.up = false;
    const steadied = steady(
      port(made, () => (service.up ? undefined : new TryAgain('no answer'))),
      subject,
      ['later'],
    );
    const seen = outcome(steadied.twice(21));
    await time.advance(1 * MINUTE);
    expect(made).toEqual(['twice 21']);
    service.up = true;
    await time.advance(PATIENCE.capMs);
    expect(seen).toEqual({ value: 42 });
    expect(await steadied.two()).toBe('2');
    expect(made).toEqual(['twice 21', 'twice 21', 'two']);
  });

  it('makes a fault of what is unknown, and says which call it was and why', async () => {
    const { subject, time } = bench();
    const made: string[] = [];
    const cause = new TypeError('x is not a function');
    const steadied = steady(
      port(made, () => cause),
      subject,
      ['later'],
    );
    const work = steadied.twice(1);
    const seen = outcome(work);
    await time.finish(work.catch(() => undefined));
    expect(made).toHaveLength(3);
    expect(seen.error).toBeInstanceOf(StopFlow);
    expect(seen.error).toMatchObject({ message: 'store: twice failed: x is not a function', cause });
  });

  it('lets known errors pass as they are', async () => {
    const { subject } = bench();
    const error = new StopFlow('there is no such topic');
    await expect(
      steady(
        port([], () => error),
        subject,
        ['later'],
      ).twice(1),
    ).rejects.toBe(error);
  });

  it('leaves alone what is no method and what is excepted', async () => {
    const { subject } = bench();
    const plain = port([], () => undefined);
    const steadied = steady(plain, subject, ['later']);
    expect(steadied.version).toBe('v1');
    expect(steadied.later).toBe(plain.later);
    const values: number[] = [];
    for await (const value of steadied.later()) values.push(value);
    expect(values).toEqual([1]);
  });
});
