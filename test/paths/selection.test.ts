import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DEFAULT_EXCLUDE, DEFAULT_SELECTION, selection } from '../../src/paths/selection.ts';
import { makeRepository, type TestRepository } from '../support/repository.ts';

describe('selection', () => {
  it('takes what matches an include and no exclude', () => {
    const selected = selection({ include: ['docs/', '*.ts'], exclude: ['*.test.ts', '/docs/old/', '!docs/old/'] });
    expect(['docs/a.md', 'docs/b/c', 'a.ts', 'src/deep/b.ts', 'x/docs/y'].filter(selected).length).toBe(5);
    expect(['a.md', 'a.test.ts', 'docs/x.test.ts', 'DOCS/a', 'a.TS'].filter(selected)).toEqual([]);
    expect(selected('docs/old/a')).toBe(true);
    expect(selection({ include: [], exclude: [] })('a')).toBe(false);
  });

  it('takes everything by default, save what people did not write', () => {
    const selected = selection(DEFAULT_SELECTION);
    const yes = [
      'README.md',
      'src/a.ts',
      '.github/workflows/ci.yml',
      'build/release.sh',
      'bin/run',
      'docs/vendoring.md',
    ];
    const no = [
      ...[
        'node_modules/a/README.md',
        'web/node_modules/a/b.js',
        'vendor/x.go',
        'package-lock.json',
        'a/b/Cargo.lock',
        'go.sum',
      ],
      ...[
        'app.min.js',
        'a/jquery.min.css',
        'main.js.map',
        'api/v1/x.pb.go',
        'zz_generated.deepcopy.go',
        'dist/index.js',
      ],
      ...['src/__snapshots__/a.snap', 'logo.svg', '.tidemark/data'],
    ];
    expect(yes.filter((path) => !selected(path))).toEqual([]);
    expect(no.filter(selected)).toEqual([]);
    expect(new Set(DEFAULT_EXCLUDE).size).toBe(DEFAULT_EXCLUDE.length);
  });

  it('judges any name that a tree may hold, also bytes that are not UTF-8', () => {
    const selected = selection({ include: ['**/*'], exclude: ['caf?', '*.bin', 'line*break'] });
    expect(
      ['\udcff', 'a/\udcc3b', '../x', './x', '/x', '..', '__proto__', 'constructor', ' ', 'a\\b'].filter(
        (path) => !selected(path),
      ),
    ).toEqual([]);
    expect(['caf\udce9', 'x/caf\u00e9', '\udcff.bin', 'line\nbreak'].filter(selected)).toEqual([]);
  });

  it('gives the same answer however often and after however many others it is asked', () => {
    const selected = selection({ include: ['**/*'], exclude: ['*7/'] });
    const answers = () => Array.from({ length: 45_000 }, (_, index) => selected(`d${index}/f`));
    const first = answers();
    expect(answers()).toEqual(first);
    expect(first.filter((yes) => !yes).length).toBe(4_500);
  });

  it('takes a character of many bytes for one, as it does a letter', () => {
    const selected = selection({ include: ['**/*'], exclude: ['/?', '/x[!a]'] });
    expect(['😀', 'é', 'x😀', '\udc80'].filter(selected)).toEqual([]);
    expect(['😀😀', 'xa'].filter((path) => !selected(path))).toEqual([]);
  });

  it('ends with any patterns, however many stars they have', () => {
    const selected = selection({
      include: ['**/*'],
      exclude: [`${'*a'.repeat(400)}b`, `${'**/a/'.repeat(150)}b`, 'c*c*c*c*d'],
    });
    expect(selected('a'.repeat(4_000))).toBe(true);
    expect(selected('a/'.repeat(2_000) + 'c'.repeat(4_000))).toBe(true);
    expect(selected(`${'a'.repeat(4_000)}b`)).toBe(false);
  });

  describe('beside git itself', () => {
    let repository: TestRepository;
    beforeAll(async () => {
      repository = await makeRepository();
    });
    afterAll(() => repository.remove());

    it('random patterns exclude what `git check-ignore` says', async () => {
      // Nothing beyond ASCII: to git `?` and `[...]` are a byte.
      const name = fc.constantFrom('a', 'b', 'ab', 'a.md', 'b.md', '.a', 'c d', '[x]', '!n', '#h');
      const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
      const part = fc.constantFrom(
        'a',
        'b',
        'ab',
        '*',
        '*.md',
        '**',
        'a*',
        '?',
        '[ab]',
        '[!a]',
        '.a',
        'c d',
        'é',
        '\\[x]',
        '\\!n',
        '\\#h',
        '*b',
        ...['**a', '***', '[]a]', '[a', '[[:alpha:]]*', '[[:no:]]', '[b-a]', '[a\\]]', '[!]a]', 'a\\ ', 'b ', '\\'],
      );
      const pattern = fc
        .tuple(
          fc.constantFrom('', '', '!'),
          fc.constantFrom('', '/'),
          fc.array(part, { minLength: 1, maxLength: 3 }),
          fc.constantFrom('', '', '/'),
        )
        .map(([not, start, parts, end]) => not + start + parts.join('/') + end);
      const patterns = fc.array(pattern, { minLength: 1, maxLength: 4 });
      const file = join(repository.directory, '.git/info/exclude');
      await fc.assert(
        fc.asyncProperty(patterns, fc.uniqueArray(path, { minLength: 1, maxLength: 40 }), async (exclude, paths) => {
          await writeFile(file, exclude.map((line) => `${line}\n`).join(''));
          // A path that ignores nothing makes git end with 1; one that is always ignored spares that.
          await writeFile(file, 'certainly\n', { flag: 'a' });
          const said = await repository.run(
            ['-c', 'core.ignoreCase=false', 'check-ignore', '--no-index', '-z', '--stdin'],
            [...paths, 'certainly'].join('\0'),
          );
          const ignored = new Set(said.toString('utf8').split('\0').filter(Boolean));
          ignored.delete('certainly');
          const selected = selection({ include: ['**/*'], exclude });
          expect(new Set(paths.filter((one) => !selected(one)))).toEqual(ignored);
        }),
        { numRuns: 400 },
      );
    }, 60_000);
  });
});
