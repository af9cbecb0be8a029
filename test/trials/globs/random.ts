/** Patterns and paths by chance, from a seed. */

export type Randoms = (below: number) => number;

/** Mulberry32: small, and the same everywhere. */
export const randomsOf = (seed: number): Randoms => {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
};

const TOKENS = [
  '*',
  '**',
  '**/',
  '/**',
  '?',
  '[ab]',
  '[!a]',
  '[a-z]',
  '{',
  '}',
  ',',
  '{a,b}',
  '{**,**}',
  '{*,a}',
  'a',
  'b',
];
const OTHERS = [
  '/',
  '.',
  '-',
  '&',
  '\\',
  '[',
  ']',
  '!',
  '(',
  'é',
  '😀',
  '\udc80',
  '\n',
  '\0',
  '[[:alpha:]]',
  '{a,{b,c}}',
];

/** Of few tokens repeated, as those are that never end, or of many mixed. */
export const randomGlob = (random: Randoms, maxChars: number): string => {
  const all = [...TOKENS, ...TOKENS, ...OTHERS];
  const some = Array.from({ length: 1 + random(random(2) === 0 ? 4 : 30) }, () => all[random(all.length)] ?? '');
  const length = 1 + random(maxChars);
  const repeats = random(2) === 0;
  let glob = '';
  for (let at = 0; glob.length < length; at += 1) glob += some[repeats ? at % some.length : random(some.length)] ?? '';
  return glob.slice(0, length);
};

/** Mostly what the pattern's own letters are, so that it goes far before it fails. */
export const randomPath = (random: Randoms, glob: string): string => {
  const letters = random(3) === 0 ? 'abc/.' : `${glob.replace(/[*?[\]{},!\\]/g, '')}ab/`;
  const length = 1 + random(random(4) === 0 ? 4_000 : 200);
  const repeated = random(2) === 0 ? 1 + random(3) : letters.length;
  let path = '';
  while (path.length < length) path += letters[random(repeated)] ?? 'a';
  return path;
};
