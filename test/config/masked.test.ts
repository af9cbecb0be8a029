import { expect, it } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { masked } from '../../src/config/masked.ts';
import { alwaysTrusted } from '../support/found.ts';

const config = async (content: string) =>
  (await loadConfig({ env: {}, cwd: '/x', read: async () => content, found: alwaysTrusted })).config;

it('covers every secret, and nothing else', async () => {
  const given = await config(`
pipelines:
  a:
    sources:
      - gitlab: { token: SECRET1, groups: [team] }
      - git: { path: "https://me:SECRET2@example.com/x.git" }
store: { kind: qdrant, apiKey: SECRET3, url: "https://SECRET4@qdrant:6333" }
webhooks: { secrets: [SECRET5, SECRET6] }
`);
  const shown = masked(given);
  expect(JSON.stringify(shown)).not.toContain('SECRET');
  expect(shown.store).toMatchObject({ kind: 'qdrant', apiKey: '***', url: 'https://***@qdrant:6333' });
  expect(shown.webhooks.secrets).toEqual(['***', '***']);
  expect(shown.pipelines.a?.sources[1]?.git?.path).toBe('https://***@example.com/x.git');
  expect(shown.limits).toEqual(given.limits);
});

it('does not claim a secret where there is none', async () => {
  const shown = masked(await config('store: { kind: qdrant }'));
  expect(shown.store).toMatchObject({ kind: 'qdrant', url: 'http://localhost:6333' });
  expect(shown.store).not.toHaveProperty('apiKey');
});

it('covers what stands in extra, by whatever name, and what stands in the query of a URL', async () => {
  const shown = masked(
    await config(`pipelines:
  a:
    embedder:
      kind: openai
      url: https://h.example/v1?api-version=3&sig=SECRET1
      extra: { query: { user: SECRET2, nested: { list: [SECRET3, 4], no: } } }
`),
  );
  expect(shown.pipelines.a?.embedder).toMatchObject({
    url: 'https://h.example/v1?api-version=3&sig=***',
    extra: { passage: {}, query: { user: '***', nested: { list: ['***', '***'] } } },
  });
});
