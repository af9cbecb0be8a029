import { describe, expect, it } from 'vitest';
import { convert, converterRules } from '../../src/converters/convert.ts';
import { claimOf, formatRules, formats } from '../../src/converters/registry.ts';
import { converterContract } from '../contracts/converter.ts';

const limits = { fileBytes: 1_000_000, textBytes: 500_000 };

converterContract('the converters', () => ({
  convert: async (path, bytes) => convert(path, bytes, limits),
  close: async () => {},
}));

describe('which format a file is in', () => {
  const languageOf = (path: string, head = '') => claimOf(path, head).kind.language;

  it.each([
    ['docs/Guide.MD', 'markdown'],
    ['README', 'text'],
    ['README.de', 'text'],
    ['src/main.rs', 'rust'],
    ['a/b.test.ts', 'typescript'],
    ['types.d.ts', 'typescript'],
    ['CMakeLists.txt', 'cmake'],
    ['requirements.txt', 'requirements'],
    ['notes.txt', 'text'],
    ['Dockerfile', 'dockerfile'],
    ['docker/Dockerfile.alpine', 'dockerfile'],
    ['Makefile', 'makefile'],
    ['.gitlab-ci.yml', 'yaml'],
    ['.editorconfig', 'ini'],
    ['Cargo.lock', 'toml'],
    ['package.json', 'json'],
    ['events.ndjson', 'jsonl'],
    ['pyproject.toml', 'toml'],
    ['no.such-extension', 'text'],
    ['ends-with-dot.', 'text'],
    ['', 'text'],
    ['constructor', 'text'],
    ['a.__proto__', 'text'],
  ])('%s is %s', (path, language) => {
    expect(languageOf(path)).toBe(language);
  });

  it.each([
    ['#!/usr/bin/env python3\n', 'python'],
    ['#!/usr/bin/env -S FOO=1 node --no-warnings\n', 'javascript'],
    ['#!/usr/local/bin/python3.11\n', 'python'],
    ['#! /bin/sh -e\n', 'shell'],
    ['#!/usr/bin/env ts-node\n', 'typescript'],
    ['#!/usr/bin/env unheard-of\n', 'text'],
    ['# no shebang\n', 'text'],
  ])('a file without extension that begins with %j is %s', (head, language) => {
    expect(languageOf('bin/run', head)).toBe(language);
  });

  it('the extension says more than the shebang', () => {
    expect(languageOf('run.rb', '#!/bin/sh\n')).toBe('ruby');
  });

  it.each(['names', 'extensions', 'programs'] as const)('no two formats claim the same of their %s', (of) => {
    const claims = formats.flatMap(({ kinds }) => kinds.flatMap((kind) => kind[of] ?? []));
    expect(claims.filter((claim, i) => claims.indexOf(claim) !== i)).toEqual([]);
    expect(claims.filter((claim) => claim !== claim.toLowerCase() || claim === '')).toEqual([]);
  });

  it('every kind has a language and a media type', () => {
    for (const { language, mediaType } of formats.flatMap(({ kinds }) => kinds)) {
      expect(language).toMatch(/^[a-z0-9]+$/);
      expect(mediaType).toMatch(/^[a-z]+\/[a-z0-9.+-]+$/);
    }
  });
});

describe('rules', () => {
  it('name each converter with its version, whatever their order', () => {
    expect(formatRules()).toBe('code@1 json@2 markdown@1 notebook@2 plain@1 toml@1 yaml@1');
    expect(formatRules([...formats].reverse())).toBe(formatRules());
  });

  it('change with a version and with a limit', () => {
    const others = formats.map((format) => (format.name === 'yaml' ? { ...format, version: 2 } : format));
    expect(formatRules(others)).not.toBe(formatRules());
    expect(converterRules({ ...limits, textBytes: 1 })).not.toBe(converterRules(limits));
  });
});

describe('Markdown', () => {
  const titleOf = (content: string) => {
    const converted = convert('a.md', new TextEncoder().encode(content), limits);
    return 'text' in converted ? converted.text.title : converted;
  };

  it('has the title of its first heading of the first level', () => {
    expect(titleOf('## Sub\n\nText\n\n# The *title*\n\n# Another\n')).toBe('The title');
    expect(titleOf('Title\n=====\n')).toBe('Title');
  });

  it('has no title without one', () => {
    expect(titleOf('just text\n\n```\n# not one\n```\n')).toBeUndefined();
  });
});

it('takes a line of 50 MB, and no longer than it has to', { timeout: 20_000 }, () => {
  const bytes = new Uint8Array(50_000_000).fill(97);
  const started = performance.now();
  const converted = convert('a.md', bytes, { fileBytes: 60_000_000, textBytes: 60_000_000 });
  expect('text' in converted && converted.text.content.length).toBe(50_000_000);
  expect(performance.now() - started).toBeLessThan(5_000);
});
