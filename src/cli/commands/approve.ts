import { inLine } from '../../runtime/printable.ts';
import type { DataCommand } from '../command.ts';
import { EXIT } from '../exit.ts';

export const approve: DataCommand = {
  kind: 'data',
  name: 'approve',
  summary: 'Says that a deletion is meant which waits for that.',
  details:
    'A listing that comes in pages might have ended early. If by such a one more than half of a branch and more than\n1,000 documents were to go, nothing is deleted before a person has said so. REF is project:branch, as in\ntidemark status.',
  words: { usage: 'REF', min: 1, max: 1 },
  options: { json: { description: 'One object.' } },
  async run({ ask, output }, args) {
    const [ref = ''] = args.words;
    const approved = await ask('approve', { ref });
    const text = `${ref}: ${approved.lacking} of ${approved.of} documents go`;
    await output.line(args.flag('json') ? JSON.stringify(approved) : inLine(text));
    return EXIT.success;
  },
};
