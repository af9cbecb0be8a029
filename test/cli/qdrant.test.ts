import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildExecutable, type Executable } from '../support/executable.ts';
import { apiKey, dropAll, newAlias } from '../support/qdrant.ts';
import { realServer } from '../support/real-server.ts';
import { makeRepository, type TestRepository } from '../support/repository.ts';

const url = await realServer('Qdrant');
const TIMEOUT_MS = 600_000;

/** The embedded log and a real Qdrant, as somebody uses them from a command line. */
describe.skipIf(!url)('a repository kept in Qdrant', () => {
  const alias = newAlias();
  let tidemark: Executable;
  let repository: TestRepository;
  const tide = (...args: string[]) =>
    tidemark.run(repository.directory, args, {
      TIDEMARK_STORE: 'qdrant',
      TIDEMARK_QDRANT_URL: url ?? '',
      TIDEMARK_QDRANT_API_KEY: apiKey ?? '',
    });
  const json = async (...args: string[]) => {
    const { code, stdout, stderr } = await tide(...args, '--json');
    expect(stderr + stdout, `tidemark ${args.join(' ')}`).not.toBe('');
    expect({ args, code, ...(code === 0 ? {} : { stderr }) }).toEqual({ args, code: 0 });
    return JSON.parse(stdout);
  };
  const configure = (tokens: number) =>
    writeFile(
      join(repository.directory, 'tidemark.yaml'),
      `pipelines: { default: { alias: ${alias}, chunk: { tokens: ${tokens} } } }\n`,
    );
  const foundPaths = async (query: string, ...args: string[]): Promise<string[]> =>
    (await json('search', query, ...args)).hits.map(({ path }: { path: string }) => path);

  const guide = `# Quokkas\n\n${'Quokkas live on islands and eat leaves. '.repeat(30)}\n\n## Care\n\nGive them shade.\n`;

  beforeAll(async () => {
    if (!url) return;
    tidemark = buildExecutable();
    repository = await makeRepository();
    await repository.commit({
      files: [
        ['docs/quokkas.md', guide],
        ['docs/wombats.md', '# Wombats\n\nWombats dig burrows.\n'],
        ['src/burrow.ts', 'export const digBurrow = (depth: number): number => depth * 2;\n'],
        [Buffer.from('docs/caf\xe9.md', 'latin1'), '# Coffee\n\nAn odd name for a file.\n'],
      ],
    });
    await configure(256);
  }, TIMEOUT_MS);
  afterAll(async () => {
    await tidemark?.remove();
    await repository?.remove();
    if (url) await dropAll(url, alias);
  });

  it(
    'is found, follows renames without embedding, forgets what is deleted, and is built anew and back',
    async () => {
      const first = await json('backfill');
      expect(first).toMatchObject({ status: 'success', planned: 4, indexed: 4, failed: 0, reused: 0 });
      expect(first.embedded).toBeGreaterThan(3);
      expect((await foundPaths('where do quokkas live'))[0]).toBe('docs/quokkas.md');
      expect(await foundPaths('digBurrow', '--mode', 'lexical')).toEqual(['src/burrow.ts', 'docs/wombats.md']);
      expect(await foundPaths('burrow', '--path', 'docs/*', '--mode', 'lexical')).toEqual(['docs/wombats.md']);
      expect(await json('backfill')).toMatchObject({ status: 'success', planned: 0, unchanged: 4, embedded: 0 });

      await repository.commit({
        files: [
          ['docs/quokkas.md', null],
          ['animals/quokka.md', guide],
        ],
      });
      expect(await json('backfill')).toMatchObject({ indexed: 1, deleted: 1, embedded: 0, reused: first.embedded - 3 });
      expect((await foundPaths('where do quokkas live'))[0]).toBe('animals/quokka.md');

      await repository.commit({ files: [['animals/quokka.md', null]] });
      expect(await json('backfill')).toMatchObject({ deleted: 1, embedded: 0 });
      expect(await foundPaths('quokkas', '--mode', 'lexical')).toEqual([]);

      await repository.commit({ files: [['docs/back-again.md', guide]] });
      expect(await json('backfill')).toMatchObject({ indexed: 1, embedded: 0, reused: first.embedded - 3 });
      await repository.commit({ files: [['docs/back-again.md', `An introduction.\n\n${guide}`]] });
      expect(await json('backfill')).toMatchObject({ indexed: 1 });
      expect(await json('verify')).toMatchObject({ documents: 4, differences: [] });

      const before = (await json('search', 'quokkas')).generation;
      await configure(64);
      const built = await json('reindex');
      expect(built).toMatchObject({ previous: before, moved: true });
      expect(await json('search', 'quokkas')).toMatchObject({ generation: built.generation });
      expect(await json('verify')).toMatchObject({ differences: [] });
      expect(await tide('rollback')).toMatchObject({ code: 0 });
      expect(await json('search', 'quokkas')).toMatchObject({ generation: before });
      expect((await foundPaths('where do quokkas live'))[0]).toBe('docs/back-again.md');
    },
    TIMEOUT_MS,
  );
});
