import { isQuestion, questions as known } from '../../api/questions.ts';
import { BadUsage, messageOf } from '../../errors.ts';
import { questions } from '../../owner/access.ts';
import { quoted } from '../../runtime/printable.ts';
import type { DataCommand } from '../command.ts';
import { EXIT } from '../exit.ts';

const names = Object.keys(known).join(', ');

export const api: DataCommand = {
  kind: 'data',
  name: 'api',
  summary: 'Asks one question as the HTTP API does: it takes JSON and prints JSON.',
  details: `QUESTION is one of ${names}; docs/openapi.json describes what each takes and answers.`,
  words: { usage: 'QUESTION [JSON]', min: 1, max: 2 },
  async run({ ask, output }, args) {
    const [name = '', json = '{}'] = args.words;
    if (!isQuestion(name)) throw new BadUsage(`there is no question ${quoted(name)}: there are ${names}`);
    await output.line(JSON.stringify(await questions(ask)(name, parsed(json))));
    return EXIT.success;
  },
};

const parsed = (json: string): unknown => {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new BadUsage(`the request is no JSON: ${messageOf(cause)}`, { cause });
  }
};
