/** A whole document through the tool `read`, on embedded parts: what one answer leaves, the next one begins with. */
import { Client, InMemoryTransport } from '@modelcontextprotocol/client';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AnswerOf, answerTo } from '../../src/api/questions.ts';
import { tokensOf } from '../../src/mcp/budget.ts';
import { mcpServer } from '../../src/mcp/server.ts';
import { type SimulatedGitlab, simulatedGitlab } from '../support/gitlab/gitlab.ts';
import { type GitlabService, gitlabService } from '../support/gitlab-service.ts';

const LINE = Array.from({ length: 400 }, (_, at) => `word${at} "语" 😀\\ `).join('');
const DOCUMENTS: Readonly<Record<string, string>> = {
  'one-line.md': LINE.trimEnd(),
  'no-space.txt': '😀'.repeat(2_000),
  'mixed.md': `# Tides\n\n${LINE}end\n\nshort\n${LINE.slice(0, 900)}end\nlast`,
  [`${'deep/'.repeat(300)}file.md`]: `${LINE}end`,
};

let gitlab: SimulatedGitlab;
let service: GitlabService;
let client: Client;

const signal = new AbortController().signal;

beforeAll(async () => {
  gitlab = await simulatedGitlab();
  const project = await gitlab.project('team/docs');
  await gitlab.push(project, { files: Object.entries(DOCUMENTS) });
  service = await gitlabService(gitlab);
  expect((await service.backfill()).status).toBe('success');
  const server = mcpServer({
    version: '1',
    ask: (question, request) => answerTo(question, { pipeline: service.pipeline, signal }, request),
  });
  const [ours, theirs] = InMemoryTransport.createLinkedPair();
  client = new Client({ name: 'test', version: '1' });
  await Promise.all([server.connect(ours), client.connect(theirs)]);
}, 60_000);
afterAll(async () => {
  await client?.close();
  await service?.close();
  await gitlab?.close();
});

/** As an agent does that follows `next` and `nextColumn`. */
const whole = async (path: string, how: { readonly maxTokens: number; readonly lines: number }): Promise<string> => {
  let text = '';
  let at: { readonly from: number; readonly column: number } | undefined = { from: 1, column: 1 };
  for (let answers = 0; at; answers += 1) {
    expect(answers).toBeLessThan(500);
    const { structuredContent, content } = await client.callTool({ name: 'read', arguments: { path, ...at, ...how } });
    const answer = structuredContent as unknown as AnswerOf<'read'>;
    expect(tokensOf(answer)).toBeLessThanOrEqual(how.maxTokens);
    expect(content).toEqual([{ type: 'text', text: JSON.stringify(answer) }]);
    expect([answer.startLine, answer.startColumn]).toEqual([at.from, at.column]);
    text += at.column === 1 && at.from > 1 ? `\n${answer.text}` : answer.text;
    at =
      answer.next === null || answer.nextColumn === null ? undefined : { from: answer.next, column: answer.nextColumn };
  }
  return text;
};

describe('reading on by what each answer says', () => {
  it.each([
    { maxTokens: 500, lines: 200 },
    { maxTokens: 777, lines: 1 },
    { maxTokens: 2_001, lines: 3 },
    { maxTokens: 10_000, lines: 2_000 },
  ])('gives every character of a document once ($maxTokens tokens, $lines lines)', async (how) => {
    for (const [path, content] of Object.entries(DOCUMENTS)) expect(await whole(path, how), path).toBe(content);
  });

  it('begins at a character, never inside a pair of surrogates, and says where a line ends', async () => {
    const read = (request: object) =>
      answerTo('read', { pipeline: service.pipeline, signal }, { path: 'no-space.txt', ...request });
    expect(await read({ column: 3 })).toMatchObject({ startColumn: 3, text: '😀'.repeat(1_999), nextColumn: null });
    expect(await read({ column: 4 })).toMatchObject({ startColumn: 3, text: '😀'.repeat(1_999) });
    expect(await read({ column: 4_001 })).toMatchObject({ text: '', next: null });
    await expect(read({ column: 4_002 })).rejects.toThrow('has 4000 characters, and character 4002 was asked for');
    await expect(read({ column: 0 })).rejects.toThrow('column');
  });

  it('and an argument of any length is named in an error of its own length alone', async () => {
    const { isError, content } = await client.callTool({
      name: 'search',
      arguments: { query: 'x', ['k'.repeat(50_000)]: 1 },
    });
    expect([isError, JSON.stringify(content).length < 1_000]).toEqual([true, true]);
  });

  it('errors of what is asked stay within the budget too', async () => {
    const path = 'x'.repeat(4_000);
    const { isError, content } = await client.callTool({ name: 'read', arguments: { path, maxTokens: 500 } });
    expect(isError).toBe(true);
    expect(tokensOf((content as { text: string }[])[0]?.text)).toBeLessThanOrEqual(500);
  });
});
