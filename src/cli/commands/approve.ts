import { inLine } from '../../runtime/printable.ts';
import type { DataCommand } from '../command.ts';
import { EXIT } from '../exit.ts';

export const approve: DataCommand = {
  kind: 'data',
  name: 'approve',
  summary: 'Approves a large deletion that waits for approval.',
  details:
    'A list of files that a server sends in pages can end early without a sign. If such a list would delete more than half\nof a branch and more than 1,000 documents, Tidemark deletes nothing until a person approves it. REF is project:branch,\nas tidemark status shows it.',
  words: { usage: 'REF', min: 1, max: 1 },
  options: { json: { description: 'Prints one JSON object.' } },
  async run({ ask, output }, args) {
    const [ref = ''] = args.words;
    const approved = await ask('approve', { ref });
    const text = `${ref}: ${approved.lacking} of ${approved.of} documents go`;
    await output.line(args.flag('json') ? JSON.stringify(approved) : inLine(text));
    return EXIT.success;
  },
};
