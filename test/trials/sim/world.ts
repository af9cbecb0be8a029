import { TryAgain } from '../../../src/errors.ts';
import type { Time } from '../../../src/ports.ts';
import type { Random } from './random.ts';

export type Dependency = 'log' | 'state' | 'store' | 'source' | 'embedder' | 'converter';

/** One process: what it waits for can be held back (frozen) or be lost for ever (dead). */
export interface Process {
  readonly name: string;
  state: 'alive' | 'frozen' | 'dead';
  /** Dies after so many more steps. */
  lives: number;
  readonly skewMs: number;
  /** What the others notice of its death. */
  readonly died: () => void;
}

interface Step {
  readonly process: Process;
  readonly label: string;
  readonly detail: () => string;
  readonly dependency: Dependency;
  readonly run: (fault: 'none' | 'before' | 'after') => void;
}

interface Timer {
  readonly at: number;
  readonly number: number;
  readonly process: Process;
  readonly fire: () => void;
}

/** Requests that a client repeats by itself, unseen. The converter is a worker of our own, and answers. */
const PATIENT = new Set(['log.poll', 'log.commit', 'log.leave']);

export const macrotask = () => new Promise<void>((resolve) => setImmediate(resolve));

/**
 * The scheduler: every request of a port waits here until chance picks it, so that any process may act in between any
 * two. Time stands still while there is something to do, but for a little drift.
 */
export const makeWorld = (random: Random, { flaky = 0, tracing = false, start = 1_700_000_000_000 } = {}) => {
  const steps: Step[] = [];
  let timers: Timer[] = [];
  const down = new Set<Dependency>();
  let holds: readonly ((process: string, request: string) => boolean)[] = [];
  const trace: string[] = [];
  const violations: string[] = [];
  let now = start;
  let numbers = 0;
  let taken = 0;
  let faults = flaky;
  const choice = random.fork('choice');
  const chance = random.fork('chance');

  let fingerprint = 0;

  /** Every step goes into the fingerprint, so that two runs can be compared; its words only into a trace that is read. */
  const log = (line: string, detail?: () => string) => {
    for (let index = 0; index < line.length; index += 1)
      fingerprint = (Math.imul(fingerprint, 31) + line.charCodeAt(index)) | 0;
    fingerprint = (Math.imul(fingerprint, 31) + now) | 0;
    if (tracing) trace.push(`${String(now - start).padStart(9)} ${line} ${detail?.() ?? ''}`);
  };

  const world = {
    random,
    trace,
    violations,
    down,
    log,
    now: () => now,
    steps: () => taken,
    fingerprint: () => (fingerprint >>> 0).toString(16).padStart(8, '0'),
    calm() {
      faults = 0;
    },
    /** Requests that match wait, until the function that is given back is called. */
    hold(matches: (process: string, request: string) => boolean): () => void {
      holds = [...holds, matches];
      return () => {
        holds = holds.filter((other) => other !== matches);
      };
    },
    /** Whether a request that matches waits. */
    waits: (matches: (process: string, request: string) => boolean) =>
      steps.some(({ process, label, detail }) => matches(process.name, `${label} ${detail()}`)),
    violate(what: string) {
      violations.push(what);
      log(`VIOLATED ${what}`);
    },
    advance(ms: number) {
      now += ms;
    },

    call<T>(
      process: Process,
      dependency: Dependency,
      label: string,
      effect: () => T,
      detail = () => '',
    ): Promise<Awaited<T>> {
      return new Promise((resolve, reject) => {
        const run = (fault: 'none' | 'before' | 'after') => {
          if (fault === 'before') return reject(new TryAgain(`${label}: no answer`));
          let result: T;
          try {
            result = effect();
          } catch (error) {
            return reject(error);
          }
          if (fault === 'after') {
            Promise.resolve(result).catch(() => undefined);
            return reject(new TryAgain(`${label}: the answer was lost`));
          }
          resolve(result as Awaited<T>);
        };
        steps.push({ process, label, detail, dependency, run });
      });
    },

    time(process: Process): Time {
      return {
        now: () => now + process.skewMs,
        random: () => chance.next(),
        token: () => {
          numbers += 1;
          return `${process.name}-${numbers}`;
        },
        sleep: (ms, signal) =>
          new Promise((resolve) => {
            if (signal?.aborted) return resolve();
            numbers += 1;
            const fire = () => {
              signal?.removeEventListener('abort', abort);
              resolve();
            };
            const timer = { at: now + Math.ceil(Math.max(0, ms)), number: numbers, process, fire };
            const abort = () => {
              timers = timers.filter((other) => other !== timer);
              resolve();
            };
            timers.push(timer);
            signal?.addEventListener('abort', abort, { once: true });
          }),
      };
    },

    /** Takes one step, or fires what is due. `false` when nothing can move before time does. */
    async step(): Promise<boolean> {
      await macrotask();
      const due = timers.filter(({ at, process }) => at <= now && process.state === 'alive');
      if (due.length > 0) {
        timers = timers.filter((timer) => !due.includes(timer));
        due.sort((a, b) => a.at - b.at || a.number - b.number);
        for (const { fire } of due) fire();
        return true;
      }
      const eligible = steps.filter(
        ({ process, label, detail, dependency }) =>
          process.state === 'alive' &&
          !(PATIENT.has(label) && down.has(dependency)) &&
          !holds.some((matches) => matches(process.name, `${label} ${detail()}`)),
      );
      if (eligible.length === 0) return false;
      const step = choice.pick(eligible);
      steps.splice(steps.indexOf(step), 1);
      taken += 1;
      const { process, label, detail, dependency } = step;
      let fault: 'none' | 'before' | 'after' = 'none';
      if (!PATIENT.has(label) && dependency !== 'converter') {
        if (down.has(dependency)) fault = 'before';
        else if (faults > 0 && choice.chance(faults)) fault = choice.chance(0.5) ? 'before' : 'after';
      }
      log(`${process.name.padEnd(4)} ${label}${fault === 'none' ? '' : ` (fails ${fault})`}`, detail);
      step.run(fault);
      if (choice.chance(0.05)) now += choice.below(200);
      if (process.lives > 0) {
        process.lives -= 1;
        if (process.lives === 0) world.kill(process);
      }
      return true;
    },

    /** Moves time to the next timer of a process that lives, if it is due by then. */
    jump(until = Number.POSITIVE_INFINITY): boolean {
      let next = Number.POSITIVE_INFINITY;
      for (const { at, process } of timers) if (process.state === 'alive' && at < next) next = at;
      if (next > until || next === Number.POSITIVE_INFINITY) return false;
      now = Math.max(now, next);
      return true;
    },

    kill(process: Process) {
      process.state = 'dead';
      log(`${process.name} DIES`);
      for (let index = steps.length - 1; index >= 0; index -= 1) {
        if (steps[index]?.process === process) steps.splice(index, 1);
      }
      timers = timers.filter((timer) => timer.process !== process);
      process.died();
    },
  };
  return world;
};
export type World = ReturnType<typeof makeWorld>;

/** Calls over several rows, which no port promises to be atomic, as calls over one row each. */
const SPLIT: Readonly<Record<string, (args: readonly unknown[]) => readonly (readonly unknown[])[]>> = {
  'state.raise': ([table, rows]) => (rows as unknown[]).map((row) => [table, [row]]),
  'state.remove': ([table, rows]) => (rows as unknown[]).map((row) => [table, [row]]),
  'log.append': ([topic, records]) => (records as unknown[]).map((record) => [topic, [record]]),
  'store.raise': ([document, seq, placements]) => (placements as unknown[]).map((one) => [document, seq, [one]]),
  'store.upsert': ([points]) => (points as unknown[]).map((point) => [[point]]),
};

/** The port as one process sees it: each request takes its turn. Methods in `plain` answer at once. */
export const throughWorld = <P extends object>(
  world: World,
  process: Process,
  dependency: Dependency,
  port: P,
  plain: readonly (keyof P)[] = [],
): P =>
  Object.fromEntries(
    Object.entries(port).map(([method, implementation]) => {
      if (typeof implementation !== 'function' || plain.includes(method as keyof P)) return [method, implementation];
      const label = `${dependency}.${method}`;
      const one = (args: readonly unknown[]) =>
        world.call(
          process,
          dependency,
          label,
          () => implementation(...args),
          () => describe(args),
        );
      const split = SPLIT[label];
      return [
        method,
        async (...args: unknown[]) => {
          if (!split || !world.random.chance(0.3)) return one(args);
          for (const part of split(args)) await one(part);
          return undefined;
        },
      ];
    }),
  ) as P;

const describe = (args: readonly unknown[]): string =>
  JSON.stringify(args, (_key, value) => (value instanceof Float32Array || value instanceof Uint8Array ? '…' : value))
    .replaceAll('\\u0000', '/')
    .slice(1, 200);
