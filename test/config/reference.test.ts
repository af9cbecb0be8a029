import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { z } from 'zod';
import { overrides } from '../../src/config/environment.ts';
import { reference } from '../../src/config/reference.ts';
import { configSchema } from '../../src/config/schema.ts';
import {
  describe as described,
  elementOf,
  isChoice,
  isSection,
  kindOf,
  optionsOf,
  sectionsOf,
} from '../../src/config/walk.ts';

/** Every option below a schema, with its path. */
const all = (path: string, schema: z.ZodType): [string, z.ZodType][] => {
  const { core } = described(schema);
  if (isChoice(core)) return sectionsOf(core).flatMap((section) => all(`${path}(${kindOf(section)})`, section));
  if (isSection(core))
    return optionsOf(core).flatMap(([name, option]) => [
      [`${path}.${name}`, option],
      ...all(`${path}.${name}`, option),
    ]);
  const element = elementOf(core);
  return element ? all(`${path}[]`, element) : [];
};
const options = all('', configSchema);

describe('the reference', () => {
  it('is what the schema says: run `npm run docs` when this fails', async () => {
    const written = await readFile(new URL('../../docs/configuration.md', import.meta.url), 'utf8');
    expect(written.replaceAll('\r\n', '\n')).toBe(reference());
  });

  it('has a row for every option and every variable', () => {
    const page = reference();
    for (const [path] of options) {
      const name = path.split('.').at(-1);
      if (name !== 'kind') expect(page).toContain(`| \`${name}\` |`);
    }
    for (const { name } of overrides) expect(page).toContain(`| \`${name}\` |`);
  });
});

describe.each(options)('the option %s', (path, schema) => {
  const { core, meta, fallback } = described(schema);
  const holdsOptions = isSection(core) || path === '.pipelines';

  it('says what it means', () => {
    expect(meta.description, path).toMatch(/[.]$/);
  });

  it('has an example that it accepts, or options that have', () => {
    if (holdsOptions || path.endsWith('.kind')) return;
    expect(meta.example, path).toBeDefined();
    const fromEnvironment = typeof meta.example === 'string' && meta.example.startsWith('${');
    if (!fromEnvironment) expect(schema.safeParse(meta.example).error).toBeUndefined();
  });

  it('accepts its own default, or says what holds without it', () => {
    if (fallback !== undefined) expect(schema.safeParse(fallback).error).toBeUndefined();
    else expect(path.endsWith('.kind') || isSection(core) || meta.otherwise, path).toBeTruthy();
  });
});
