import { DAY, HOUR } from '../../units.ts';
import type { DataCommand } from '../command.ts';
import { EXIT } from '../exit.ts';
import { timeText } from './backfill.ts';

export const reindex: DataCommand = {
  kind: 'data',
  name: 'reindex',
  summary: 'Builds a new index as the configuration asks for, and switches to it when it is complete.',
  details:
    'The old index answers searches until then. Tidemark keeps it in step for one more day, so that tidemark rollback\nswitches back at once.',
  options: {
    json: { description: 'Prints one JSON object at the end.' },
    'accept-failures': { description: 'Switches even if more documents failed in the new index than in the old one.' },
  },
  async run({ ask, output }, args) {
    const result = await ask('reindex', { acceptFailures: args.flag('accept-failures') }, ({ generation, left }) =>
      output.progress(
        left > 0 ? `${generation}: ${left} records to read` : `${generation}: compared with the active one`,
      ),
    );
    if (result.is === 'worse') {
      output.note(
        `${result.failed} documents have failed in the new index, and ${result.failedBefore} in the one that answers, so that one stays: tidemark dead-letters stats says why, and what to do; tidemark reindex --accept-failures moves all the same`,
      );
      return EXIT.failures;
    }
    if (result.is === 'left') {
      output.note('left: the new index is built on by tidemark serve; tidemark reindex again brings it to its end');
      return result.stopped ? EXIT.cancelled : EXIT.tryAgain;
    }
    const { generation, previous, moved, durationMs } = result;
    if (args.flag('json')) await output.line(JSON.stringify({ generation, previous, moved, durationMs }));
    else if (moved)
      await output.line(
        `${generation} answers from now on, after ${timeText(durationMs)}. tidemark rollback goes back to ${previous}`,
      );
    else await output.line(`nothing to do: ${generation} is what the configuration asks for`);
    return EXIT.success;
  },
};

export const rollback: DataCommand = {
  kind: 'data',
  name: 'rollback',
  summary: 'Switches back to the previous index at once.',
  options: { json: { description: 'Prints one JSON object.' } },
  async run({ ask, output }, args) {
    const back = await ask('rollback', {});
    if (!back) {
      output.note(
        `there is no previous index to go back to: one is kept for ${DAY / HOUR} hours after tidemark reindex`,
      );
      return EXIT.failures;
    }
    const { isConfigured, ...moved } = back;
    await output.line(args.flag('json') ? JSON.stringify(moved) : `${moved.generation} answers again`);
    if (!isConfigured) output.note('the configuration still asks for the other: change it back before the next start');
    return EXIT.success;
  },
};
