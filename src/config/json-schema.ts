/** The configuration as JSON Schema, for editors: what is an option, what it means, what it may be. */
import { z } from 'zod';
import type { OptionMeta } from './options.ts';
import { configSchema } from './schema.ts';
import { describe } from './walk.ts';

type Json = Record<string, unknown>;

export const jsonSchema = (): object => ({
  ...z.toJSONSchema(configSchema, { io: 'input', unrepresentable: 'any', override }),
  title: 'Tidemark',
});

/** Our own words beside an option become those that editors know, and what text is read as becomes text or that. */
const override = ({ zodSchema, jsonSchema: json }: { zodSchema: unknown; jsonSchema: object }): void => {
  const written = json as Json;
  const { example, secret: _, otherwise: __, expected: ___, reaches: ____, ...known } = written as Json & OptionMeta;
  for (const key of Object.keys(written)) delete written[key];
  Object.assign(written, known, example === undefined ? {} : { examples: [example] });
  if (zodSchema instanceof z.ZodPipe) {
    const { minimum, maximum } = z.toJSONSchema(describe(zodSchema).core) as Json;
    // Sizes such as 4 MiB, and variables, are text.
    Object.assign(written, { anyOf: [{ type: 'integer', minimum, maximum }, { type: 'string' }] });
  }
};
