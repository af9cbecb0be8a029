import { z } from 'zod';
import { type Target, targetOf } from '../../pipeline/generation-tools.ts';
import { reindex as reindexParts, rollback as rollbackParts } from '../../runs/reindex.ts';
import { either } from '../../runtime/either.ts';
import { readGenerations } from '../../state/generations.ts';
import { behind } from '../../state/lag.ts';
import { SECOND } from '../../units.ts';
import { type Doing, task } from '../task.ts';

/** How many records the new generation has still to read. */
export interface Reading {
  readonly generation: string;
  readonly left: number;
}

export const reindex = task({
  input: z.strictObject({ acceptFailures: z.boolean() }),
  async run(doing: Doing<Reading>, { acceptFailures }) {
    const { pipeline, configured, signal } = doing;
    const { parts } = pipeline;
    const target = targetOf(parts.names, configured);
    const beganAt = parts.time.now();
    const result = await pipeline.withFlows(
      async (stop) => {
        const before = (await readGenerations(parts))?.value;
        if (before?.active === target.name) return 'left';
        await pipeline.remember(target);
        return withProgress(doing, target, stop, () => reindexParts(parts, { ...target, acceptFailures }, stop));
      },
      { stop: signal, anyGeneration: true },
    );
    if (typeof result === 'object') return { is: 'worse', ...result } as const;
    const row = (await readGenerations(parts))?.value;
    if (row?.active !== target.name) return { is: 'left', stopped: signal.aborted } as const;
    return {
      ...({ is: 'active', moved: result === 'moved', generation: target.name } as const),
      ...{ previous: row.previous?.name ?? null, durationMs: parts.time.now() - beganAt },
    };
  },
});

/** Tells how far the new generation has read, while the work goes on. */
const withProgress = async <T>(
  { pipeline: { parts }, tell }: Doing<Reading>,
  { name }: Target,
  stop: AbortSignal,
  work: () => Promise<T>,
): Promise<T> => {
  const { names, time } = parts;
  const over = new AbortController();
  const untilThen = either([stop, over.signal]);
  const telling = (async () => {
    while (!untilThen.signal.aborted) {
      const left = await behind(parts, names.topics.documents, names.groups.index(name));
      void tell({ generation: name, left });
      await time.sleep(SECOND, untilThen.signal);
    }
  })();
  try {
    return await work();
  } finally {
    over.abort();
    await telling;
    untilThen.release();
  }
};

/** Resolves to `null` where there is no previous generation to go back to. */
export const rollback = task({
  input: z.strictObject({}),
  async run({ pipeline: { parts }, configured }: Doing) {
    const { previous, active } = (await readGenerations(parts))?.value ?? {};
    if (!previous || previous.until <= parts.time.now()) return null;
    const generation = await rollbackParts(parts);
    const isConfigured = targetOf(parts.names, configured).name === generation;
    return { generation, previous: active ?? null, isConfigured };
  },
});
