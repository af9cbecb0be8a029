import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parseThesaurus, thesaurus } from '../../src/ranking/thesaurus.ts';

const FILE = readFileSync(new URL('../../models/thesaurus.txt', import.meta.url), 'utf8');

const sorted = (related: ReadonlyMap<string, number>) => Object.fromEntries([...related].toSorted());

describe('a thesaurus', () => {
  const { relatedTo, widened } = parseThesaurus(
    '# Of tests.\nwildcard glob > fnmatch picomatch\r\nmask redact hide > stars\n\nhide > seek\nglob blob\n',
  );

  test('the words of a group stand for each other, and those behind the sign for them alone', () => {
    expect(sorted(relatedTo('wildcard'))).toEqual({ fnmatch: 0.7, glob: 1, picomatch: 0.7 });
    expect(sorted(relatedTo('fnmatch'))).toEqual({ glob: 0.7, wildcard: 0.7 });
  });

  test('a word of several groups has what is in any of them', () => {
    expect(Object.keys(sorted(relatedTo('glob')))).toEqual(['blob', 'fnmatch', 'picomatch', 'wildcard']);
    expect(sorted(relatedTo('hide'))).toEqual({ mask: 1, redact: 1, seek: 0.7, star: 0.7 });
  });

  test('forms of a word and parts of a name are known, other words are not', () => {
    expect(relatedTo('Wildcards')).toEqual(relatedTo('wildcard'));
    expect(relatedTo('expandWildcards')).toEqual(relatedTo('wildcard'));
    expect(relatedTo('sandwich').size).toBe(0);
    expect(relatedTo('?!').size).toBe(0);
  });

  test('a question is widened by all of them, and most by what several of its words ask for', () => {
    expect(sorted(widened('Redact what stars hide'))).toEqual({
      hide: 2.7,
      mask: 2.7,
      redact: 2.7,
      seek: 0.7,
      star: 2.4,
    });
    expect(sorted(widened('sandwich, blob, sandwich'))).toEqual({ blob: 1, glob: 1, sandwich: 1 });
    for (const nothing of ['', 'sandwich, sandwich']) expect(widened(nothing).size).toBe(0);
  });

  test('a text is not widened', () => {
    expect(widened('wildcard '.repeat(24)).size).toBeGreaterThan(1);
    expect(widened('wildcard '.repeat(25)).size).toBe(0);
  });
});

describe('the thesaurus of the package', () => {
  const groups = FILE.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

  test('has a group on each line, of words in lower case, and none twice', () => {
    expect(groups.length).toBeGreaterThan(2_000);
    for (const group of groups) expect(group).toMatch(/^[a-z0-9]+(?: [a-z0-9]+)*(?: > [a-z0-9]+(?: [a-z0-9]+)*)?$/);
    for (const group of groups) expect(group).toContain(' ');
    expect(new Set(groups).size).toBe(groups.length);
  });

  test('names for no word so many others that they would stand for everything', () => {
    const words = new Set(groups.flatMap((group) => group.split(' ')));
    const most = Math.max(...[...words].map((word) => thesaurus().relatedTo(word).size));
    expect(most).toBeLessThan(150);
  });
});
