import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { chunksOf, cutsOf } from '../../src/chunker/chunker.ts';
import { tokenCounter } from '../../src/content/tokens.ts';
import { NotFound } from '../../src/errors.ts';
import { mayReadNamed } from '../../src/search/access.ts';
import { linesOf, read } from '../../src/search/read.ts';
import { backfill, pipelineOf } from '../runs/harness.ts';

const count = tokenCounter();
const asRead = (content: string, language: string, tokens: number): readonly string[] =>
  linesOf(chunksOf(content, cutsOf({ content, language, mediaType: 'text/plain' }, { tokens, count })));
/** Blank lines hold nothing that could be found, and come back empty. */
const asWritten = (content: string): readonly string[] =>
  content
    .trimEnd()
    .split('\n')
    .map((line) => (line.trim() === '' ? '' : line));

const root = fileURLToPath(new URL('../..', import.meta.url));
const files = execFileSync('git', ['ls-files', 'src', 'docs', 'test/trials/sim', '*.md', '*.json'], {
  cwd: root,
  encoding: 'utf8',
})
  .trim()
  .split('\n');

describe('a document that is put together from its chunks', () => {
  it.each(['markdown', 'typescript', 'text'])(
    'is each file of this repository, line by line, cut as %s',
    (language) => {
      for (const file of files) {
        const content = readFileSync(join(root, file), 'utf8');
        expect(asRead(content, language, 256), file).toEqual(asWritten(content));
      }
    },
  );

  it('has its long lines whole again', () => {
    const content = `first\n\n${'a long line of words, '.repeat(500)}end\nlast\n`;
    expect(asRead(content, 'text', 32)).toEqual(asWritten(content));
  });
});

describe('reading', () => {
  it('a path that several branches have asks which, and names them', async () => {
    const pipeline = pipelineOf();
    pipeline.push({ a: 'ant bee' });
    pipeline.push({ a: 'ant cat' }, { ref: 'next' });
    await pipeline.start();
    await backfill(pipeline);
    await pipeline.rest();
    const asked = { path: 'a', from: 1, lines: 10 };
    await expect(read(pipeline.parts, asked)).rejects.toThrow(/several places.*main.*next|several places.*next.*main/);
    expect(await read(pipeline.parts, { ...asked, ref: 'next' })).toMatchObject({ text: 'ant\ncat', ref: 'next' });
    expect(await read(pipeline.parts, { ...asked, ref: 'main', from: 2 })).toMatchObject({ text: 'bee', startLine: 2 });
  });

  it('of a failed new version gives the old one, at its own commit, as stale', async () => {
    const pipeline = pipelineOf();
    pipeline.push({ a: 'ant' });
    const commit = pipeline.repositories.newest('1', 'main');
    await pipeline.start();
    await backfill(pipeline);
    pipeline.push({ a: 'poison' }, { announced: true });
    await pipeline.rest();
    expect(await read(pipeline.parts, { path: 'a', from: 1, lines: 1 })).toMatchObject({
      text: 'ant',
      commit,
      stale: true,
    });
  });

  it('what is skipped says why, and what may not be read is not there', async () => {
    const pipeline = pipelineOf();
    pipeline.push({ a: 'ant', b: 'binary' });
    await pipeline.start();
    await backfill(pipeline);
    await pipeline.rest();
    await expect(read(pipeline.parts, { path: 'b', from: 1, lines: 1 })).rejects.toThrow(
      /no text in the index: binary/,
    );
    const asked = { path: 'a', from: 1, lines: 1, mayRead: mayReadNamed(['elsewhere']) };
    await expect(read(pipeline.parts, asked)).rejects.toThrow(NotFound);
    await expect(read(pipeline.parts, asked)).rejects.toThrow('there is no document a');
  });
});

describe('a list of projects', () => {
  const project = (path: string, instance = 'main') => ({ instance, project: '1', path });
  const readable = async (glob: string, ...paths: string[]) =>
    (await mayReadNamed([glob])(paths.map((path) => project(path)))).map(({ path }) => path);

  it('a group stands for all below it, and for nothing that is only called alike', async () => {
    const paths = ['team', 'team/a', 'team/sub/b', 'teams/c', 'other/team', 'other/team/d'];
    expect(await readable('team', ...paths)).toEqual(['team', 'team/a', 'team/sub/b']);
    expect(await readable('*/team', ...paths)).toEqual(['other/team', 'other/team/d']);
    expect(await readable('team/*-docs', 'team/a-docs', 'team/docs', 'x/team/a-docs')).toEqual(['team/a-docs']);
  });

  it('names an instance where several have a project of that path', async () => {
    const both = [project('team/a', 'intern'), project('team/a', 'extern')];
    expect(await mayReadNamed(['extern:team'])(both)).toEqual([both[1]]);
  });
});
