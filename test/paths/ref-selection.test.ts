import fc from 'fast-check';
import { expect, it } from 'vitest';
import { isBranchName, refSelection } from '../../src/paths/ref-selection.ts';

it.each([
  ['feature-x', 'feature-x', true],
  ['feature-x', 'feature-xy', false],
  ['release-*', 'release-1.2/hotfix', true],
  ['release-*', 'release', false],
  ['a&b', 'a&b', true],
  ['(x', '(x', true],
  ['a.b', 'axb', false],
  ['main', 'main/sub', false],
  ['*/é-*', 'a/b/é-😀', true],
  ['caf\udce9', 'caf\udce9', true],
])('the branch pattern %j and %j: %s', (pattern, ref, matches) => {
  expect(refSelection([pattern])(ref)).toBe(matches);
});

it('a pattern of stars takes no more steps for a longer name than for a short one', () => {
  const selected = refSelection([`${'*a'.repeat(400)}b`]);
  expect(selected('a'.repeat(4_000))).toBe(false);
  expect(selected(`${'a'.repeat(4_000)}b`)).toBe(true);
});

it('stars in a row say what one of them says, however many they are', () => {
  const selected = refSelection([`release-${'*'.repeat(200_000)}/x`]);
  expect([selected('release-1/x'), selected('release-/x'), selected('release-1')]).toEqual([true, true, false]);
});

it('any text is a pattern that can be compared with any other', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (pattern, ref) => {
      const selected = refSelection([pattern]);
      expect(selected(pattern)).toBe(true);
      expect(selected(ref)).toBe(ref === pattern || (pattern.includes('*') && selected(ref)));
    }),
  );
});

it.each([
  '',
  ' ',
  'a b',
  'a\0',
  'a\tb',
  'a..b',
  'a~1',
  'a^',
  'a:b',
  'a?',
  '[ab]',
  'a\\b',
  '/a',
  'a/',
  'a//b',
  'a.',
  '.a',
  'a.lock',
  'a@{b',
  '\ud800',
])('no branch can be called %j', (name) => {
  expect(isBranchName(name)).toBe(false);
});

it.each(['feature-x', 'release-*', 'a&b', '(x', '*', '*/*', '-x', 'a@b', '@', 'é😀', '.wiki', '\udc80', 'HEAD'])(
  'branches can be called %j',
  (name) => {
    expect(isBranchName(name)).toBe(true);
  },
);
