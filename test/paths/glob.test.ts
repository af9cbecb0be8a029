import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BadUsage } from '../../src/errors.ts';
import { globMatcher, globProblem, globRule, MAX_GLOB_CHARS, neededBy } from '../../src/paths/glob.ts';
import { matcher } from '../../src/paths/matcher.ts';
import { pointPayload } from '../../src/sinks/qdrant/payload.ts';
import { point } from '../contracts/store-builders.ts';
import { translated } from './translated.ts';

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

it('random globs match what their translation into a regular expression does', () => {
  const part = fc.constantFrom(
    'a',
    'b',
    'ab',
    '.a',
    'a.b',
    'a.b.a',
    '-',
    '{',
    '}',
    ',',
    '[',
    '\\',
    'é',
    '😀',
    '\udc80',
    'a\nb',
  );
  const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/'));
  const plain = ['a', 'b', '.', '/', '*', '**', '**/', '?', '{', ',', '}', '\\', './', '-', 'é', '😀', '\udc80', '\n'];
  const sets = [
    '[ab]',
    '[a-c]',
    '[b-a]',
    '[!a]',
    '[^/a]',
    '[a/]',
    '[+-z]',
    '[]',
    '[!]',
    '[',
    '[é-ü]',
    '{a,b}',
    '{a/b,*}',
  ];
  const glob = fc.array(fc.constantFrom(...plain, ...sets), { minLength: 1, maxLength: 7 }).map((all) => all.join(''));
  let matching = 0;
  fc.assert(
    fc.property(glob, fc.array(path, { minLength: 20, maxLength: 20 }), (one, paths) => {
      const pattern = translated(one);
      const matches = globMatcher(one);
      const expected = paths.filter((each) => pattern.test(each));
      matching += expected.length;
      expect(paths.filter(matches)).toEqual(expected);
    }),
    { numRuns: 3_000 },
  );
  expect(matching).toBeGreaterThan(1_000);
});

it.each(['[a&b]*', '[&-]', '[-a]', 'a-b', '(x', '\ud800', '[\ud800-\udfff]', '\0', '[]]', '[[:alpha:]]'])(
  'the glob %j is one',
  (glob) => {
    expect(globMatcher(glob)('somewhere/else')).toBe(false);
  },
);

const WORST = [
  '{**,**}'.repeat(10),
  '{**/,**}{*,**}'.repeat(40),
  `${'*a'.repeat(300)}b`,
  `${'**/a'.repeat(200)}b`,
  `*a${'?'.repeat(500)}b`,
  '{a,'.repeat(10) + '}'.repeat(10),
  `${'[a-z]*'.repeat(160)}!`,
];

it('no glob takes more steps than it has parts, for each character of a path', () => {
  for (const glob of WORST) {
    let steps = 0;
    const matches = matcher([globRule(glob)], {
      onSteps: (taken) => {
        steps += taken;
      },
    });
    const path = 'aab/'.repeat(250);
    matches(path);
    // A part is at most four places and as many ways between them, each of them looked at once or passed twice.
    expect(steps, glob).toBeLessThan(12 * (glob.length + 10) * (path.length + 1));
    const before = steps;
    matches(path);
    expect(steps - before, `${glob}, once more`).toBeLessThanOrEqual(before);
  }
});

it.each([`${'*a'.repeat(300)}/b`, `${'**a'.repeat(300)}b`, `${'**/a/'.repeat(199)}b`, `${'[a-c]*'.repeat(160)}/b`])(
  'of %.10s… only what stands behind the last star that a path has come to is followed',
  (glob) => {
    let steps = 0;
    const matches = matcher([globRule(glob)], {
      onSteps: (taken) => {
        steps += taken;
      },
    });
    const [letters = []] = fc.sample(
      fc.array(fc.constantFrom('a', 'b', glob.startsWith('**') ? 'a/' : 'c'), { minLength: 4_000, maxLength: 4_000 }),
      {
        seed: 1,
        numRuns: 1,
      },
    );
    matches(letters.join(''));
    expect(steps).toBeLessThan(8 * letters.length);
  },
);

it('a glob that leaves too much open is refused while it is compared, however many paths there are', () => {
  const matches = globMatcher(`*a${'?'.repeat(400)}b`);
  const random = fc.sample(fc.array(fc.constantFrom('a', 'c'), { minLength: 900, maxLength: 900 }), {
    seed: 1,
    numRuns: 40,
  });
  expect(() => {
    for (const letters of random) matches(`${letters.join('')}bbb`);
  }).toThrow(BadUsage);
});

it.each([
  ['a'.repeat(MAX_GLOB_CHARS + 1), 'at most 1000 characters, and it has 1001'],
  ['{'.repeat(11) + '}'.repeat(11), 'at most 10 deep, and they are 11'],
  [`{${','.repeat(200)}}`, 'at most 200 alternatives in `{}`, and there are 201'],
])('a glob beyond the bounds is refused', (glob, problem) => {
  expect(globProblem(glob)).toContain(problem);
  expect(() => globMatcher(glob)).toThrow(BadUsage);
  expect(() => globMatcher(glob)).toThrow(problem);
});
