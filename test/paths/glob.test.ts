import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globMatcher, neededBy } from '../../src/paths/glob.ts';
import { pointPayload } from '../../src/sinks/qdrant-payload.ts';
import { point } from '../contracts/store-builders.ts';

const placesOf = (path: string) => pointPayload(point({ document: ['git', 'p', 'main', path].join('\0') }));

describe('what a glob needs', () => {
  it.each([
    ['docs/', { names: ['docs'] }],
    ['*.ts', { names: [], ending: '.ts' }],
    ['README.md', { names: ['README.md'] }],
    ['/README.md', { path: 'README.md', names: [] }],
    ['src/sinks/*.test.ts', { path: 'src/sinks', names: [], ending: '.ts' }],
    ['src/**/test/*.ts', { path: 'src', names: ['test'], ending: '.ts' }],
    ['{src,docs}/*.ts', { names: [] }],
    ['a**/b', { names: [] }],
    ['**', { names: [] }],
  ])('%s', (glob, needed) => {
    expect(neededBy(glob)).toEqual(needed);
  });

  it('every path that matches has', () => {
    const part = fc.constantFrom('a', 'b', 'ab', '.a', 'a.b', 'a.b.a', 'b..a');
    const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
    const token = fc.constantFrom(
      'a',
      'b',
      '.',
      '/',
      '*',
      '**',
      '**/',
      '?',
      '[ab]',
      '[b-a]',
      '[!a]',
      '{',
      ',',
      '}',
      '\\',
      './',
    );
    const glob = fc.array(token, { minLength: 1, maxLength: 6 }).map((tokens) => tokens.join(''));
    let matching = 0;
    fc.assert(
      fc.property(glob, fc.array(path, { minLength: 30, maxLength: 30 }), (glob, paths) => {
        const matches = globMatcher(glob);
        const needed = neededBy(glob);
        for (const one of paths.filter((one) => matches(one))) {
          matching += 1;
          const places = placesOf(one);
          if (needed.path !== undefined) expect(places.paths).toContain(needed.path);
          expect(places.names).toEqual(expect.arrayContaining([...needed.names]));
          if (needed.ending !== undefined) expect(places.names).toContain(`*${needed.ending}`);
        }
      }),
      { numRuns: 1_500 },
    );
    expect(matching).toBeGreaterThan(500);
  });
});

it.each([
  ['*.ts', 'src/deep/a.ts', true],
  ['*.ts', 'a.tsx', false],
  ['/a.ts', 'src/a.ts', false],
  ['/a.ts', 'a.ts', true],
  ['src', 'src/deep/a.ts', true],
  ['src/', 'lib/src/a.ts', true],
  ['src/*.ts', 'src/deep/a.ts', false],
  ['src/**/*.ts', 'src/a.ts', true],
  ['src/**/*.ts', 'src/x/y/a.ts', true],
  ['**/test/**', 'a/test/b/c.ts', true],
  ['{src,docs}/*.{ts,md}', 'docs/a.md', true],
  ['{src,docs}/*.{ts,md}', 'lib/a.md', false],
  ['[!a-c].md', 'd.md', true],
  ['[!a-c].md', 'b.md', false],
  ['a?c', 'a/c', false],
  ['d?c', 'd\udc80c', true],
  ['a{b', 'a{b', true],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'axb', false],
  ['a.b+c(d)', 'a.b+c(d)', true],
  ['a.b', 'axb', false],
])('the glob %s and %s: %s', (glob, path, matches) => {
  expect(globMatcher(glob)(path)).toBe(matches);
});
