import { stringify } from 'yaml';
import { masked } from '../config/masked.ts';
import type { FreeCommand, OwnCommand } from './command.ts';
import { EXIT } from './exit.ts';

export const configShow: OwnCommand = {
  kind: 'own',
  name: 'config show',
  summary: 'Shows the configuration as it holds, with every default; secrets are covered.',
  options: { json: { description: 'As JSON; YAML without.' } },
  async run({ place, output }, args) {
    const { config, data } = place;
    const shown = { ...masked(config), data };
    await output.line(args.flag('json') ? JSON.stringify(shown) : stringify(shown, { lineWidth: 0 }).trimEnd());
    return EXIT.success;
  },
};

export const configSchemaCommand: FreeCommand = {
  kind: 'free',
  name: 'config schema',
  summary: 'Prints the JSON Schema of tidemark.yaml, by which editors complete and check it.',
  details:
    'tidemark config schema > tidemark.schema.json, and as the first line of tidemark.yaml:\n# yaml-language-server: $schema=tidemark.schema.json',
  async run({ output }) {
    const { jsonSchema } = await import('../config/json-schema.ts');
    await output.line(JSON.stringify(jsonSchema(), null, 2));
    return EXIT.success;
  },
};
