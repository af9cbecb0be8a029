import { beforeEach, describe, expect, test } from 'vitest';
import { StopFlow } from '../../src/errors.ts';
import type { Query } from '../../src/ports.ts';
import { documentKey, projectKey } from '../../src/records.ts';
import { entry, hashOf, point, type StoreUnderTest, unit, uuid } from './store-builders.ts';

/** Search by meaning and by words. */
export const searchContract = (t: StoreUnderTest): void => {
  describe('search', () => {
    test('a hit has everything of its point but the vector', async () => {
      const { vector, ...rest } = point({
        document: documentKey({ instance: 'git', project: 'p', ref: 'main', path: 'docs/a.md' }),
        text: '  two\n\tlines ',
        embed: 'Guide > Start\n  two\n\tlines ',
        heading: ['Guide', 'Start'],
        language: 'markdown',
        startLine: 3,
        endLine: 4,
      });
      const other = { ...rest, id: uuid('2'), vector, embed: 'unlike the text', hash: hashOf('unlike the text') };
      await t.stand([{ ...rest, vector }, other]);
      const hits = await t.generation.search({ mode: 'dense', text: '', vector, limit: 5 });
      expect(hits.find((hit) => hit.point.id === rest.id)?.point).toEqual(rest);
      expect(hits.find((hit) => hit.point.id === other.id)?.point.embed).toBe('unlike the text');
    });

    test('dense ranks by cosine, best first, whatever the length of the query', async () => {
      await t.stand(
        [0.1, 0.9, 0.5, 0.7].map((x, i) => ({
          ...point({ id: uuid(`${i}`), text: `${x}` }),
          vector: unit(x, 1 - x),
        })),
      );
      const hits = await t.generation.search({
        mode: 'dense',
        text: '',
        vector: Float32Array.of(3, 0, 0, 0),
        limit: 3,
      });
      expect(hits.map(({ point: { text } }) => text)).toEqual(['0.9', '0.7', '0.5']);
      expect(hits[0]?.score).toBeCloseTo(unit(0.9, 0.1)[0] ?? 0, 4);
    });

    test('lexical finds identifiers whole and by their parts, and only points that have a term', async () => {
      await t.stand(
        ['const x = readFileSync(path)', 'the max_retry_count setting', 'uses kafka.consumer.groupId', 'Overview'].map(
          (text, i) => point({ id: uuid(`${i}`), text }),
        ),
      );
      const lexical = (text: string) => t.find({ mode: 'lexical', text });
      expect(await lexical('readFileSync')).toEqual(['const x = readFileSync(path)']);
      expect(await lexical('sync a file')).toEqual(['const x = readFileSync(path)']);
      expect(await lexical('retry')).toEqual(['the max_retry_count setting']);
      expect(await lexical('kafka.consumer.groupid')).toEqual(['uses kafka.consumer.groupId']);
      expect(await lexical('groups of consumers')).toEqual(['uses kafka.consumer.groupId']);
      expect(await lexical('nothingLikeIt')).toEqual([]);
      expect(await lexical('')).toEqual([]);
      expect(await lexical('?!')).toEqual([]);
    });

    test('lexical puts rare terms over common ones and dense use over a single mention', async () => {
      const common = Array.from({ length: 8 }, (_, i) => point({ id: uuid(`c${i}`), text: `stream number ${i}` }));
      const often = point({ id: uuid('often'), text: 'watermark watermark watermark' });
      const once = point({ id: uuid('once'), text: 'a watermark stands in the sand' });
      await t.stand([...common, once, often]);
      const texts = await t.find({ mode: 'lexical', text: 'stream watermark' });
      expect(texts.slice(0, 2)).toEqual([often.text, once.text]);
      expect(texts).toHaveLength(10);
    });

    test('lexical looks for other terms than those of the text, by what they are worth', async () => {
      await t.stand(['a stream', 'the watermarks', 'some glob'].map((text) => point({ id: uuid(text), text })));
      const terms = new Map([
        ['watermark', 0.4],
        ['glob', 0.9],
      ]);
      expect(await t.find({ mode: 'lexical', text: 'stream', terms })).toEqual(['some glob', 'the watermarks']);
      expect(await t.find({ mode: 'lexical', text: 'stream', terms: new Map() })).toEqual([]);
    });

    test("lexical finds a file's chunks by its name and folders", async () => {
      const document = documentKey({
        instance: 'git',
        project: 'p',
        ref: 'main',
        path: 'src/operators/low-water.ts',
      });
      await t.stand([point({ id: uuid('1'), text: 'unrelated' }), point({ id: uuid('2'), document, text: 'mark' })]);
      expect(await t.find({ mode: 'lexical', text: 'LowWater' })).toEqual(['mark']);
      expect(await t.find({ mode: 'lexical', text: 'operators' })).toEqual(['mark']);
    });

    test.each(['dense', 'lexical'] as const)('%s brings as many as asked for, and no more', async (mode) => {
      await t.stand(Array.from({ length: 30 }, (_, i) => point({ id: uuid(`${i}`), text: `shared word ${i}` })));
      for (const limit of [1, 7, 30]) {
        expect(await t.find({ mode, text: 'shared', vector: unit(1), limit })).toHaveLength(limit);
      }
      expect(await t.find({ mode, text: 'shared', vector: unit(1), limit: 100 })).toHaveLength(30);
    });

    describe('with a filter', () => {
      const place = (id: string, project: string, ref: string, path: string, language: string, instance = 'main') =>
        point({
          id: uuid(id),
          document: documentKey({ instance, project, ref, path }),
          text: `word ${id}`,
          language,
        });
      beforeEach(() =>
        t.stand([
          place('a', '1', 'main', 'src/a.ts', 'typescript'),
          place('b', '1', 'dev', 'src/deep/b.ts', 'typescript'),
          place('c', '2', 'main', 'docs/c.md', 'markdown'),
          place('d', '11', 'main', 'README.md', 'markdown'),
          place('e', '2', 'main', 'a+b (1).py', 'python'),
          place('f', '1', 'main', 'Makefile', 'makefile', 'other'),
        ]),
      );
      const keys = (...projects: string[]) => projects.map((project) => projectKey({ instance: 'main', project }));
      const filters: [string, Partial<Query>, string][] = [
        ['one project, and not its namesake on another instance', { projects: keys('1') }, 'ab'],
        ['several projects', { projects: keys('1', '11') }, 'abd'],
        ['a thousand projects', { projects: keys(...Array.from({ length: 1_000 }, (_, i) => `${i + 2}`)) }, 'cde'],
        ['no project at all', { projects: [] }, ''],
        ['a project that is not there', { projects: keys('3') }, ''],
        ['a ref', { ref: 'main' }, 'acdef'],
        ['a language', { languages: ['markdown'] }, 'cd'],
        ['several languages', { languages: ['markdown', 'python'] }, 'cde'],
        ['no language at all', { languages: [] }, ''],
        ['languages that no point has', { languages: ['cobol', 'ada'] }, ''],
        ['a name at any depth', { path: '*.ts' }, 'ab'],
        ['a glob within one folder', { path: 'src/*.ts' }, 'a'],
        ['a glob across folders', { path: 'src/**/*.ts' }, 'ab'],
        ['a folder', { path: 'docs/' }, 'c'],
        ['an exact path', { path: '/README.md' }, 'd'],
        ['a path with signs that mean something elsewhere', { path: 'a+b (1).py' }, 'e'],
        ['alternatives', { path: '{src,docs}/*' }, 'abc'],
        ['a glob that nothing matches', { path: 'lib/**' }, ''],
        ['all at once', { projects: keys('1', '2'), ref: 'main', path: '**/*.md', languages: ['markdown'] }, 'c'],
      ];
      test.each(filters)('%s', async (_, filter, expected) => {
        for (const mode of ['dense', 'lexical'] as const) {
          const texts = await t.find({ mode, text: 'word', vector: unit(1), ...filter });
          expect(texts.map((text) => text.slice('word '.length)).sort()).toEqual([...expected]);
        }
      });

      test('it works inside the arms: points that it leaves out take nobody else’s place', async () => {
        const others = Array.from({ length: 300 }, (_, i) => place(`z${i}`, '9', 'main', `z${i}.txt`, 'text'));
        await t.stand(others);
        for (const mode of ['dense', 'lexical'] as const) {
          expect(await t.find({ mode, text: 'word', vector: unit(1), limit: 1, projects: keys('2') })).toHaveLength(1);
        }
      });
    });

    test('each write is found, or not found any more, by the next search', async () => {
      const texts = async () => {
        const [dense, lexical] = [await t.find({ vector: unit(1) }), await t.find({ mode: 'lexical', text: 'word' })];
        expect(lexical.sort()).toEqual(dense.sort());
        return dense;
      };
      expect(await texts()).toEqual([]);
      await t.stand([point({ id: uuid('1'), text: 'word one' }), point({ id: uuid('2'), text: 'word two' })]);
      expect(await texts()).toEqual(['word one', 'word two']);
      await t.stand([point({ id: uuid('3'), text: 'word three', seq: 2 })], 2);
      expect(await texts()).toEqual(['word three']);
      await t.generation.prune('doc', 2, [uuid('3')]);
      expect(await texts()).toEqual(['word three']);
      await t.generation.upsert([point({ id: uuid('3'), text: 'word changed', seq: 3 })]);
      expect(await texts()).toEqual(['word changed']);
      await t.generation.record(entry({ seq: 4, status: 'gone', chunks: [] }), 'lower');
      expect(await texts()).toEqual([]);
      await t.generation.prune('doc', 4, []);
      expect(await texts()).toEqual([]);
    });

    test('what no ledger entry names is never shown, and takes nobody else’s place', async () => {
      const late = Array.from({ length: 400 }, (_, i) => point({ id: uuid(`late ${i}`), text: `word late ${i}` }));
      await t.generation.upsert(late);
      expect(await t.find({ vector: unit(1) })).toEqual([]);
      await t.stand([{ ...point({ id: uuid('shown'), text: 'a word shown' }), vector: unit(0.5, 0.5) }]);
      for (const mode of ['dense', 'lexical'] as const) {
        expect(await t.find({ mode, text: 'word', vector: unit(1), limit: 1 })).toEqual(['a word shown']);
      }
    });

    test('of two versions that are both there during an apply, exactly the recorded one is shown', async () => {
      await t.stand([point({ id: uuid('old'), text: 'old' })]);
      await t.generation.upsert([point({ id: uuid('new'), text: 'new', seq: 2 })]);
      expect(await t.find({ vector: unit(1) })).toEqual(['old']);
      await t.generation.record(entry({ seq: 2, chunks: [uuid('new')] }), 'lower');
      expect(await t.find({ vector: unit(1) })).toEqual(['new']);
    });

    test('a query of other dimensions, or without a vector where one is needed, is a StopFlow', async () => {
      const wrong = Float32Array.of(1, 0);
      const search = (query: Partial<Query>) => t.generation.search({ mode: 'dense', text: 't', limit: 1, ...query });
      await expect(search({ vector: wrong })).rejects.toBeInstanceOf(StopFlow);
      await expect(search({})).rejects.toBeInstanceOf(StopFlow);
    });
  });
};
