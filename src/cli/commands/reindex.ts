import type { Hosted } from '../../pipeline/host.ts';
import type { Target } from '../../pipeline/shapes.ts';
import { either } from '../../runtime/either.ts';
import { DAY, HOUR, SECOND } from '../../units.ts';
import type { DataCommand } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { Output } from '../output.ts';
import { timeText } from './backfill.ts';

const needed = () =>
  Promise.all([
    import('../../state/generations.ts'),
    import('../../runs/reindex.ts'),
    import('../../pipeline/shapes.ts'),
  ]);

export const reindex: DataCommand = {
  kind: 'data',
  name: 'reindex',
  summary: 'Builds the index anew, as the configuration asks for, beside the one that answers.',
  details:
    'Searches are answered by the old one until the new one has all that it has. The old one is fed for a day more, so\nthat tidemark rollback is instant.',
  options: {
    json: { description: 'One object at the end.' },
    'accept-failures': { description: 'Moves to the new one even if more documents have failed in it.' },
  },
  async run({ pipeline, configured, output, signal }, args) {
    const [{ readGenerations }, { reindex: reindexParts }, { targetOf }] = await needed();
    const { parts } = pipeline;
    const target = targetOf(parts.names, configured);
    const beganAt = parts.time.now();
    const result = await pipeline.withFlows(
      async (stop) => {
        const before = (await readGenerations(parts))?.value;
        if (before?.active === target.name) return 'left';
        await pipeline.remember(target);
        return withProgress(pipeline, target, output, stop, () =>
          reindexParts(parts, { ...target, acceptFailures: args.flag('accept-failures') }, stop),
        );
      },
      { stop: signal, anyGeneration: true },
    );
    if (typeof result === 'object') {
      output.note(
        `${result.failed} documents have failed in the new index, and ${result.failedBefore} in the one that answers, so that one stays: tidemark dead-letters stats says why, and what to do; tidemark reindex --accept-failures moves all the same`,
      );
      return EXIT.failures;
    }
    const moved = result === 'moved';
    const row = (await readGenerations(parts))?.value;
    if (row?.active !== target.name) {
      output.note('left: the new index is built on by tidemark serve; tidemark reindex again brings it to its end');
      return signal.aborted ? EXIT.cancelled : EXIT.tryAgain;
    }
    const durationMs = parts.time.now() - beganAt;
    const previous = row.previous?.name ?? null;
    if (args.flag('json')) await output.line(JSON.stringify({ generation: target.name, previous, moved, durationMs }));
    else if (moved)
      await output.line(
        `${target.name} answers from now on, after ${timeText(durationMs)}. tidemark rollback goes back to ${previous}`,
      );
    else await output.line(`nothing to do: ${target.name} is what the configuration asks for`);
    return EXIT.success;
  },
};

/** Says how far the new generation has read, while the work goes on. */
const withProgress = async <T>(
  { parts }: Hosted,
  { name }: Target,
  output: Output,
  stop: AbortSignal,
  work: () => Promise<T>,
): Promise<T> => {
  const { names, time } = parts;
  const { behind } = await import('../../state/lag.ts');
  const over = new AbortController();
  const untilThen = either([stop, over.signal]);
  const tell = async () => {
    while (!untilThen.signal.aborted) {
      const left = await behind(parts, names.topics.documents, names.groups.index(name));
      output.progress(left > 0 ? `${name}: ${left} records to read` : `${name}: compared with the active one`);
      await time.sleep(SECOND, untilThen.signal);
    }
  };
  const telling = tell();
  try {
    return await work();
  } finally {
    over.abort();
    await telling;
    untilThen.release();
  }
};

export const rollback: DataCommand = {
  kind: 'data',
  name: 'rollback',
  summary: 'Has the previous index answer again, at once.',
  options: { json: { description: 'One object.' } },
  async run({ pipeline, configured, output }, args) {
    const [{ readGenerations }, { rollback: rollbackParts }, { targetOf }] = await needed();
    const { parts } = pipeline;
    const { previous, active } = (await readGenerations(parts))?.value ?? {};
    if (!previous || previous.until <= parts.time.now()) {
      output.note(
        `there is no previous index to go back to: one is kept for ${DAY / HOUR} hours after tidemark reindex`,
      );
      return EXIT.failures;
    }
    const name = await rollbackParts(parts);
    if (args.flag('json')) await output.line(JSON.stringify({ generation: name, previous: active ?? null }));
    else await output.line(`${name} answers again`);
    if (targetOf(parts.names, configured).name !== name)
      output.note('the configuration still asks for the other: change it back before the next start');
    return EXIT.success;
  },
};
