import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { openApi } from '../../src/http/openapi.ts';

const at = (path: string) => readFile(new URL(`../../${path}`, import.meta.url), 'utf8');

it('docs/openapi.json is what the schemas say; npm run docs writes it', async () => {
  const { version } = JSON.parse(await at('package.json'));
  expect(JSON.parse(await at('docs/openapi.json'))).toEqual(JSON.parse(JSON.stringify(openApi(version))));
});

it('every reference in it leads somewhere, and every part of a path is a parameter', () => {
  const document = JSON.parse(JSON.stringify(openApi('1'))) as {
    paths: Record<string, Record<string, { parameters: { name: string; in: string; required: boolean }[] }>>;
  };
  for (const [, pointer] of JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const found = (pointer ?? '')
      .split('/')
      .reduce<unknown>((value, key) => (value as Record<string, unknown>)?.[key], document);
    expect(found).toBeDefined();
  }
  for (const [path, operations] of Object.entries(document.paths))
    for (const { parameters } of Object.values(operations)) {
      const inPath = parameters.filter((one) => one.in === 'path');
      expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{\w+\}/g) ?? []);
      expect(inPath.every(({ required }) => required)).toBe(true);
    }
});
