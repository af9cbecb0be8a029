import { z } from 'zod';
import { approve as approveSweep } from '../../runs/approve.ts';
import type { Difference } from '../../runs/differences.ts';
import { forget as forgetProject } from '../../runs/forget.ts';
import { verify as verifyParts } from '../../runs/verify.ts';
import { type Doing, task } from '../task.ts';

/** Tells each difference. What is compared when all of it cannot be believed is no difference: then there is damage. */
export const verify = task({
  input: z.strictObject({ repair: z.boolean() }),
  async run({ pipeline, signal, tell }: Doing<Difference>, { repair }) {
    const damage = await pipeline.check(signal);
    signal.throwIfAborted();
    if (damage.length > 0) return { damage };
    const compare = (stop: AbortSignal) => verifyParts(pipeline.parts, { onDifference: tell, repair, stop });
    // Services bring what is on its way to its end; one more reader for a moment would only move their partitions.
    const verified = pipeline.shared
      ? await compare(signal)
      : await pipeline.withFlows(compare, { stop: signal, anyGeneration: true });
    signal.throwIfAborted();
    return { verified };
  },
});

export const approve = task({
  input: z.strictObject({ ref: z.string() }),
  run: ({ pipeline }: Doing, { ref }) => approveSweep(pipeline.parts, ref),
});

export const forget = task({
  input: z.strictObject({ scope: z.string() }),
  run: ({ pipeline, signal }: Doing, { scope }) =>
    pipeline.withFlows((stop) => forgetProject(pipeline.parts, scope, stop), { stop: signal }),
});
