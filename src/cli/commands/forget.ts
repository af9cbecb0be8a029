import { inLine } from '../../runtime/printable.ts';
import type { DataCommand } from '../command.ts';
import { EXIT } from '../exit.ts';

export const forget: DataCommand = {
  kind: 'data',
  name: 'forget',
  summary: 'Removes everything about a project that is no longer indexed, and checks that nothing is left.',
  details:
    'Tidemark hides a project that leaves the configuration, is deleted, or refuses Tidemark, and keeps its index until you\nforget it. SCOPE is its id or its path. The command ends with 1 if something is left.',
  words: { usage: 'SCOPE', min: 1, max: 1 },
  options: { json: { description: 'Prints one JSON object.' } },
  async run({ ask, output }, args) {
    const [scope = ''] = args.words;
    const forgotten = await ask('forget', { scope });
    const { project, documents, left, deadLetters } = forgotten;
    const isClean = left.points + left.entries + left.wants + left.deadLetters === 0;
    const found = isClean
      ? 'nothing of it is left'
      : `left are ${left.points} points, ${left.entries} entries, ${left.wants} wants, ${left.deadLetters} dead letters: run it again`;
    const letters = deadLetters > 0 ? `; ${deadLetters} dead letters are discarded` : '';
    const text = `${project}: ${documents} documents are forgotten, ${found}${letters}`;
    await output.line(args.flag('json') ? JSON.stringify(forgotten) : inLine(text));
    return isClean ? EXIT.success : EXIT.failures;
  },
};
