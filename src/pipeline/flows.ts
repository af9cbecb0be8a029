import { ignoreElements, lastValueFrom, type Observable } from 'rxjs';
import { type Clock, runClock } from '../clock/clock.ts';
import { StopFlow } from '../errors.ts';
import type { Parts } from '../parts.ts';
import type { Reader, Settled } from '../ports.ts';
import { alignAlias, fedGenerations, readGenerations, whileFed } from '../state/generations.ts';
import { replace, update } from '../state/update.ts';
import type { Flow } from '../telemetry.ts';
import { collect, index, plan } from '../topology.ts';
import { SECOND } from '../units.ts';

const LOOK_FOR_GENERATIONS_MS = 5 * SECOND;

const flow = async (readers: readonly Reader[], running: Observable<Settled>): Promise<void> => {
  try {
    await lastValueFrom(running.pipe(ignoreElements()), { defaultValue: undefined });
  } finally {
    await Promise.all(readers.map((reader) => reader.close()));
  }
};

/**
 * Runs flows until `stop` aborts and what is out has settled, or until one of them meets a fault. Whoever is assigned
 * the first partition of `events` is the clock.
 */
export const serve = async (
  parts: Parts,
  flows: readonly Flow[],
  stop: AbortSignal,
  { clock: keepsTime = true } = {},
): Promise<void> => {
  const { log, names } = parts;
  const { topics, groups } = names;
  const ended = new AbortController();
  const leave = () => ended.abort();
  stop.addEventListener('abort', leave, { once: true });
  if (stop.aborted) leave();
  const running: Promise<void>[] = [];

  if (flows.includes('plan')) {
    const live = log.read(topics.events, groups.plan);
    const backfill = log.read(topics.eventsBackfill, groups.plan);
    const clock: Clock = { holds: () => live.held().has(0), stop: ended.signal };
    running.push(flow([live, backfill], plan(parts, { live, backfill }, ended.signal)));
    if (keepsTime) running.push(runClock(parts, clock));
  }
  if (flows.includes('collect')) {
    const live = log.read(topics.changes, groups.collect);
    const backfill = log.read(topics.changesBackfill, groups.collect);
    running.push(flow([live, backfill], collect(parts, { live, backfill }, ended.signal)));
  }
  if (flows.includes('index')) running.push(feedGenerations(parts, ended.signal));

  try {
    // The first fault ends them all; the others then drain.
    await Promise.all(running);
  } finally {
    leave();
    await Promise.allSettled(running);
  }
};

/** One index flow for each generation that is fed, as they come and go. */
const feedGenerations = async (parts: Parts, stop: AbortSignal): Promise<void> => {
  const { log, names, time } = parts;
  const fed = new Map<string, { readonly stop: AbortController; readonly ended: Promise<void> }>();
  const over = new AbortController();
  stop.addEventListener('abort', () => over.abort(), { once: true });
  if (stop.aborted) over.abort();
  let fault: unknown;

  const start = (name: string) => {
    const leave = new AbortController();
    const ended = whileFed(parts, name, async () => {
      const shape = await parts.shape(name);
      const documents = log.read(names.topics.documents, names.groups.index(name));
      await flow([documents], index(parts, { name, shape }, documents, leave.signal));
    }).catch((error: unknown) => {
      fault ??= error;
      over.abort();
    });
    fed.set(name, { stop: leave, ended });
  };

  while (!over.signal.aborted) {
    const names = await fedGenerations(parts);
    for (const name of names) if (!fed.has(name)) start(name);
    for (const [name, { stop: leave, ended }] of fed) {
      if (names.includes(name)) continue;
      leave.abort();
      await ended;
      fed.delete(name);
    }
    await time.sleep(LOOK_FOR_GENERATIONS_MS, over.signal);
  }
  for (const { stop: leave } of fed.values()) leave.abort();
  await Promise.all([...fed.values()].map(({ ended }) => ended));
  if (fault !== undefined) throw fault;
};

/** Before flows run: the rules of whoever starts last hold, and there is a generation of this fingerprint to feed. */
export const adopt = async (
  parts: Parts,
  { name, dimensions }: { name: string; dimensions: number },
): Promise<void> => {
  const { store, rules } = parts;
  await update(parts, 'rules', 'rules', (row) => (row?.rules === rules ? undefined : { rules }));
  if (!(await readGenerations(parts))) {
    await store.create(name, dimensions);
    const value = { active: name, building: undefined, previous: undefined };
    await replace(parts, 'generations', 'generations', { read: undefined, value });
  }
  const { active, building } = (await readGenerations(parts))?.value ?? {};
  if (name !== active && name !== building) {
    throw new StopFlow(
      `the configuration asks for generation ${name}, the alias points at ${active}: run \`tidemark reindex\` to build the new one`,
    );
  }
  await alignAlias(parts);
};
