/** Paths and contents of all kinds that a repository may hold. */

import type { File } from '../../support/repository.ts';
import type { Random } from '../sim/random.ts';

const FOLDERS = [
  '',
  'docs/',
  'src/deep/er/',
  'node_modules/x/',
  'ünïcode/',
  'with space/',
  'Docs/',
  '-dash/',
  'q"uote/',
];
const NAMES: readonly (string | Buffer)[] = [
  ...['README.md', 'a.ts', 'b.py', 'c.json', 'd.yaml', 'e.toml', 'f.txt', 'Makefile', 'no-extension', 'x.min.js'],
  ...[
    'naïve.md',
    'nai\u0308ve.md',
    '日本語.md',
    'tab\tname.md',
    'new\nline.md',
    'back\\slash.md',
    '*.md',
    '[a].md',
    '#h.md',
  ],
  ...['.hidden', 'a'.repeat(200), 'package-lock.json', 'ends with space '],
  Buffer.from([0x66, 0xff, 0xfe, 0x2e, 0x6d, 0x64]),
  Buffer.from([0xed, 0xa0, 0x80, 0x2e, 0x6d, 0x64]),
];
const WORDS = [
  'offset',
  'tide',
  'moon',
  'commit',
  'naïve',
  '水',
  'groupId',
  'a',
  'the',
  'x'.repeat(80),
  '😀',
  '\u00a0',
  '\t',
];

export const randomPath = (chance: Random): string | Buffer => {
  const [folder, name] = [chance.pick(FOLDERS), chance.pick(NAMES)];
  return typeof name === 'string' ? folder + name : Buffer.concat([Buffer.from(folder), name]);
};

const line = (chance: Random) => Array.from({ length: chance.below(12) }, () => chance.pick(WORDS)).join(' ');

export const randomText = (chance: Random): string => {
  const lines = Array.from({ length: 1 + chance.below(60) }, () => {
    if (chance.chance(0.1)) return `${'#'.repeat(1 + chance.below(4))} ${line(chance)}`;
    if (chance.chance(0.05)) return '```';
    if (chance.chance(0.01)) return chance.pick(WORDS).repeat(2_000);
    return chance.chance(0.2) ? '' : ' '.repeat(chance.below(6)) + line(chance);
  });
  return lines.join(chance.chance(0.1) ? '\r\n' : '\n') + (chance.chance(0.8) ? '\n' : '');
};

export const randomFile = (chance: Random, commit: string): File => {
  const what = chance.below(20);
  if (what === 0) return { mode: '120000', content: 'docs/README.md' };
  if (what === 1) return { mode: '160000', commit };
  if (what === 2) return { mode: '100755', content: `#!/bin/sh\n${randomText(chance)}` };
  if (what === 3) return Buffer.from([0, 1, 2, 3, chance.below(256)]);
  if (what === 4) return '';
  if (what === 5) return ' \n\t\n';
  if (what === 6) return 'big and long\n'.repeat(20_000);
  if (what === 7) return Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(randomText(chance), 'utf16le')]);
  if (what === 8) return `\ufeff${randomText(chance)}`;
  if (what === 9) return Buffer.concat([Buffer.from(randomText(chance)), Buffer.from([0xc3, 0x28, 0xff])]);
  if (what === 10) return `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 12\n`;
  return randomText(chance);
};

/** Of a wiki, which holds texts alone; or one that goes. */
export const randomPage = (chance: Random): readonly [string, string | null] => [
  chance.pick(['home.md', 'guide/first.md', 'guide/ünïcode page.asciidoc', 'a.md']),
  chance.chance(0.3) ? null : randomText(chance),
];
