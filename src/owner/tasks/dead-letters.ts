import { z } from 'zod';
import {
  type DeadLetterRow,
  listDeadLetters,
  showDeadLetter,
  deadLetterStats as statsOf,
} from '../../runs/dead-letters.ts';
import { discardDeadLetters, replayDeadLetters } from '../../runs/replay.ts';
import { type Doing, task } from '../task.ts';

const filter = {
  stage: z.string().exactOptional(),
  class: z.string().exactOptional(),
  project: z.string().exactOptional(),
  path: z.string().exactOptional(),
  run: z.string().exactOptional(),
  since: z.number().exactOptional(),
  before: z.number().exactOptional(),
};
const listed = z.strictObject({ ...filter, resolved: z.boolean() });
const chosen = z.strictObject({ ...filter, ids: z.array(z.string()).exactOptional() });
const carefully = { chosen, dryRun: z.boolean(), max: z.number() };

/** Tells a row of each. */
export const deadLetters = task({
  input: listed,
  async run({ pipeline, signal, tell }: Doing<DeadLetterRow>, asked) {
    for await (const row of listDeadLetters(pipeline.parts, asked)) {
      signal.throwIfAborted();
      await tell(row);
    }
  },
});

export const deadLetterStats = task({
  input: listed,
  run: ({ pipeline }: Doing, asked) => statsOf(pipeline.parts, asked),
});

export const deadLetter = task({
  input: z.strictObject({ id: z.string() }),
  run: async ({ pipeline }: Doing, { id }) => (await showDeadLetter(pipeline.parts, id)) ?? null,
});

/** What was done when it was stopped is done, so that it is said too. */
export const replay = task({
  input: z.strictObject({ ...carefully, rate: z.number(), quarantined: z.boolean() }),
  async run({ pipeline, signal }: Doing, { chosen: those, ...how }) {
    const replayed = await replayDeadLetters(pipeline.parts, those, { ...how, stop: signal });
    return { replayed, stopped: signal.aborted };
  },
});

export const discard = task({
  input: z.strictObject(carefully),
  async run({ pipeline, signal }: Doing, { chosen: those, ...how }) {
    const { discarded } = await discardDeadLetters(pipeline.parts, those, { ...how, stop: signal });
    return { discarded, stopped: signal.aborted };
  },
});
