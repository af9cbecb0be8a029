import { stringify } from 'yaml';
import { masked } from '../../config/masked.ts';
import { Untrusted } from '../../config/reach.ts';
import { findPlace } from '../../owner/place.ts';
import type { FreeAround, FreeCommand } from '../command.ts';
import { EXIT } from '../exit.ts';

export const configShow: FreeCommand = {
  kind: 'free',
  name: 'config show',
  summary: 'Shows the configuration that is in force with every default, and hides secrets.',
  details: 'If the file is not trusted, it shows what is written, fills in no variable, and ends with 78.',
  options: { json: { description: 'Prints JSON instead of YAML.' } },
  async run(around, args) {
    const { shown, untrusted } = await shownOf(around);
    const text = args.flag('json') ? JSON.stringify(shown) : stringify(shown, { lineWidth: 0 }).trimEnd();
    await around.output.line(text);
    if (untrusted) throw untrusted;
    return EXIT.success;
  },
};

const shownOf = async (around: FreeAround): Promise<{ readonly shown: object; readonly untrusted?: Untrusted }> => {
  try {
    const { config, data } = await findPlace(around);
    return { shown: { ...masked(config), data } };
  } catch (error) {
    if (error instanceof Untrusted) return { shown: masked(error.written), untrusted: error };
    throw error;
  }
};

export const configSchemaCommand: FreeCommand = {
  kind: 'free',
  name: 'config schema',
  summary: 'Prints the JSON Schema of tidemark.yaml, with which editors complete and check it.',
  details:
    'Run tidemark config schema > tidemark.schema.json, and write as the first line of tidemark.yaml:\n# yaml-language-server: $schema=tidemark.schema.json',
  async run({ output }) {
    const { jsonSchema } = await import('../../config/json-schema.ts');
    await output.line(JSON.stringify(jsonSchema(), null, 2));
    return EXIT.success;
  },
};
