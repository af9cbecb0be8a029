import type { Time } from '../../src/ports.ts';

interface Timer {
  readonly at: number;
  readonly fire: () => void;
}

export interface FakeTime extends Time {
  /** The lengths of all sleeps so far, in the order in which they began. */
  readonly slept: readonly number[];
  /** How many sleepers there are. */
  sleepers(): number;
  /** Moves the clock and wakes whoever is due on the way, each in its turn. */
  advance(ms: number): Promise<void>;
  /** Wakes sleepers, however long they sleep, until the work is over. Fails when the work waits for something else. */
  finish<T>(work: Promise<T>): Promise<T>;
}

/** Lets all that needs no time come to its end, also across several macrotasks. */
export const quiet = async (turns = 3): Promise<void> => {
  for (let turn = 0; turn < turns; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
};

/** Time and chance in the hands of the test: nothing passes unless it says so. */
export const fakeTime = ({ start = 1_700_000_000_000, random = (): number => 0.5 } = {}): FakeTime => {
  const slept: number[] = [];
  let timers: Timer[] = [];
  let now = start;
  let tokens = 0;

  const wakeNext = (until: number): boolean => {
    const due = timers.reduce<Timer | undefined>(
      (first, timer) => (timer.at <= until && (!first || timer.at < first.at) ? timer : first),
      undefined,
    );
    if (!due) return false;
    timers = timers.filter((timer) => timer !== due);
    now = Math.max(now, due.at);
    due.fire();
    return true;
  };

  return {
    slept,
    now: () => now,
    random,
    token() {
      tokens += 1;
      return `token-${tokens}`;
    },
    sleep(ms, signal) {
      slept.push(ms);
      return new Promise((resolve) => {
        if (signal?.aborted) return resolve();
        const abort = () => {
          timers = timers.filter((other) => other !== timer);
          resolve();
        };
        const fire = () => {
          signal?.removeEventListener('abort', abort);
          resolve();
        };
        const timer = { at: now + ms, fire };
        timers.push(timer);
        signal?.addEventListener('abort', abort, { once: true });
      });
    },
    sleepers: () => timers.length,
    async advance(ms) {
      const until = now + ms;
      await quiet();
      while (wakeNext(until)) await quiet();
      now = until;
    },
    async finish(work) {
      let over = false;
      const end = () => {
        over = true;
      };
      work.then(end, end);
      for (;;) {
        await quiet();
        if (over) return work;
        if (!wakeNext(Number.POSITIVE_INFINITY)) throw new Error('it waits, and not for time');
      }
    },
  };
};
