import { BlockProject, DeadLetter, isKnown, messageOf, StopFlow, TryAgain, Unavailable } from '../errors.ts';
import type { Dependency, Item } from '../parts.ts';
import type { Time } from '../ports.ts';
import type { Telemetry } from '../telemetry.ts';
import { MINUTE, SECOND } from '../units.ts';

/** Tries of what has no known reaction, before it counts as poison. */
const UNKNOWN_TRIES = 3;
/** So many items of one project that fail for so long, while others are answered: the project is the trouble. */
const FAILING_PER_PROJECT = 10;
const FAILING_MS = 1 * MINUTE;
/** Whoever waits for a call that is repeated is told why. */
const SAID_AFTER_MS = 5 * SECOND;
/** A process that slept through an item's time has not tried. */
const LEAST_TRIES = 8;

export const asDeadLetter = (message: string, cause: unknown) => new DeadLetter('unavailable', message, { cause });
export const asBlocked = (message: string, cause: unknown) => new BlockProject(message, { cause });

export interface Patience {
  readonly itemMs: number;
  readonly firstMs: number;
  readonly capMs: number;
  /** Items retried at a time; more failing at once is the dependency's trouble. A quarter of the window. */
  readonly items: number;
  /** What has never answered for so long is given up. Without it, and once it has answered, it is waited for. */
  readonly firstAnswerMs?: number;
}

export const PATIENCE: Patience = { itemMs: 15 * MINUTE, firstMs: 100, capMs: 30 * SECOND, items: 25 };

interface Failing {
  /** Of a clock that stands still while the dependency is down. */
  readonly since: number;
  tries: number;
}

export const dependency = (
  name: string,
  probe: () => Promise<void>,
  { time, telemetry, patience = PATIENCE }: { time: Time; telemetry: Telemetry; patience?: Patience },
): Dependency => {
  const failing = new Map<string, Set<Failing>>();
  let items = 0;
  let down: { readonly since: number; readonly over: Promise<void> } | undefined;
  let wasDownMs = 0;
  let hasAnswered = false;

  /** An outage counts against nobody, so no item is older for it. */
  const answeringTime = () => (down?.since ?? time.now()) - wasDownMs;

  const backoff = (tries: number, atLeastMs: number) => {
    const ceiling = Math.min(patience.capMs, patience.firstMs * 2 ** Math.min(tries, 20));
    return time.sleep(Math.max(atLeastMs, ceiling * (0.5 + time.random() / 2)));
  };

  const answers = async () => {
    try {
      await probe();
      hasAnswered = true;
      return true;
    } catch (error) {
      if (error instanceof TryAgain) return false;
      throw error;
    }
  };

  /** One prober for all: whoever else fails meanwhile waits for it. */
  const waitUntilUp = async (cause: TryAgain, since: number) => {
    const { firstAnswerMs = Number.POSITIVE_INFINITY } = patience;
    telemetry.dependencyDown({ dependency: name, error: messageOf(cause) });
    for (let tries = 0; ; tries += 1) {
      await backoff(tries, cause.retryAfterMs);
      if (await answers()) break;
      if (!hasAnswered && time.now() - since >= firstAnswerMs)
        throw new Unavailable(`${name} has not answered within ${firstAnswerMs / SECOND} s: ${cause.message}`, {
          cause,
        });
    }
    telemetry.dependencyUp({ dependency: name });
  };

  const goDown = (cause: TryAgain) => {
    const since = time.now();
    down ??= {
      since,
      over: waitUntilUp(cause, since).finally(() => {
        wasDownMs += time.now() - since;
        down = undefined;
      }),
    };
    return down.over;
  };

  const fail = ({ project = '' }: Item): Failing => {
    const mine = { since: answeringTime(), tries: 0 };
    items += 1;
    const others = failing.get(project) ?? new Set();
    failing.set(project, others.add(mine));
    return mine;
  };

  const recover = ({ project = '' }: Item, mine: Failing) => {
    items -= 1;
    const others = failing.get(project);
    others?.delete(mine);
    if (others?.size === 0) failing.delete(project);
  };

  const judge = (item: Item, mine: Failing, cause: TryAgain) => {
    const now = answeringTime();
    const long = [...(failing.get(item.project ?? '') ?? [])].filter(({ since }) => now - since >= FAILING_MS).length;
    if (item.project !== undefined && long >= FAILING_PER_PROJECT) {
      throw new BlockProject(`${long} items of the project fail while ${name} answers others: ${cause.message}`, {
        cause,
      });
    }
    mine.tries += 1;
    if (now - mine.since >= patience.itemMs && mine.tries >= LEAST_TRIES) throw item.exhausted(cause.message, cause);
  };

  return {
    name,
    downSince: () => down?.since,
    retried: () => items,
    async attempt(call, item) {
      const beganAt = time.now();
      let told = false;
      let unknown = 0;
      let mine: Failing | undefined;
      try {
        for (let tries = 0; ; tries += 1) {
          if (down) await down.over;
          try {
            const result = await call();
            hasAnswered = true;
            return result;
          } catch (error) {
            if (!(error instanceof TryAgain)) {
              unknown += 1;
              if (isKnown(error) || unknown >= UNKNOWN_TRIES) throw error;
              await backoff(tries, 0);
              continue;
            }
            if (down || !(await answers())) {
              await goDown(error);
              continue;
            }
            if (!told && time.now() - beganAt >= SAID_AFTER_MS) {
              told = true;
              telemetry.callRepeated({ dependency: name, project: item?.project, error: messageOf(error) });
            }
            if (item && items < patience.items) mine ??= fail(item);
            if (item && mine) judge(item, mine, error);
            await backoff(tries, error.retryAfterMs);
          }
        }
      } finally {
        if (item && mine) recover(item, mine);
      }
    },
  };
};

/**
 * The port with every call repeated for as long as its dependency does not answer: callers see results and faults
 * alone. Whatever else it throws is a fault, since nothing that a document holds can have caused it. The
 * methods in `except` do not answer with a promise.
 */
export const steady = <P extends object>(
  port: P,
  { name, attempt }: Dependency,
  except: readonly (keyof P)[] = [],
): P =>
  Object.fromEntries(
    Object.entries(port).map(([method, implementation]) => {
      if (typeof implementation !== 'function' || except.includes(method as keyof P)) return [method, implementation];
      const call = async (...args: unknown[]): Promise<unknown> => {
        try {
          return await attempt(() => implementation(...args));
        } catch (cause) {
          if (cause instanceof StopFlow) throw cause;
          throw new StopFlow(`${name}: ${method} failed: ${messageOf(cause)}`, { cause });
        }
      };
      return [method, call];
    }),
  ) as P;
