import { answerTo, isQuestion, questions } from '../../api/questions.ts';
import { BadUsage, messageOf } from '../../errors.ts';
import type { DataCommand } from '../command.ts';
import { EXIT } from '../exit.ts';
import { quoted } from '../output.ts';

const names = Object.keys(questions).join(', ');

export const api: DataCommand = {
  kind: 'data',
  name: 'api',
  summary: 'Asks one question as the HTTP API does: it takes JSON and prints JSON.',
  details: `QUESTION is one of ${names}; docs/openapi.json describes what each takes and answers.`,
  words: { usage: 'QUESTION [JSON]', min: 1, max: 2 },
  async run({ pipeline, output, signal }, args) {
    const [name = '', json = '{}'] = args.words;
    if (!isQuestion(name)) throw new BadUsage(`there is no question ${quoted(name)}: there are ${names}`);
    await output.line(JSON.stringify(await answerTo(name, { pipeline, signal }, parsed(json))));
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
