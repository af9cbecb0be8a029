import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listDocuments } from '../../src/runs/documents.ts';
import { search } from '../../src/search/search.ts';
import { type SimulatedGitlab, simulatedGitlab } from '../support/gitlab/gitlab.ts';
import type { SimulatedProject } from '../support/gitlab/world.ts';
import { type GitlabService, gitlabService } from '../support/gitlab-service.ts';
import type { File } from '../support/repository.ts';

/** How every PNG begins. */
const PICTURE = Buffer.concat([Buffer.from('\x89PNG\r\n\x1a\n\0\0\0\rIHDR', 'latin1'), Buffer.alloc(64)]);
const COMMIT = 'deadbeef'.repeat(5);
let gitlab: SimulatedGitlab;
let project: SimulatedProject;
let service: GitlabService;

/** Pushes, and brings the index in step with it. */
const push = async (files: Iterable<readonly [string | Buffer, File | null]>) => {
  await gitlab.push(project, { files });
  const report = await service.backfill();
  expect(report.failed).toBe(0);
  expect(await service.differences(project)).toEqual([]);
  return report;
};
/** By path, what became of it. */
const became = async () => {
  const found: Record<string, string> = {};
  for await (const { path, status, reason } of listDocuments(service.parts))
    found[path] = status === 'skipped' ? reason : status;
  return found;
};
const found = async (text: string) =>
  (await search(service.parts, { text, mode: 'lexical', limit: 20 })).hits.map(({ path }) => path).sort();
const utf16 = (text: string, withBom: boolean) => Buffer.from(`${withBom ? '\ufeff' : ''}${text}`, 'utf16le');

beforeEach(async () => {
  gitlab = await simulatedGitlab();
  project = await gitlab.project('team/handbook');
  service = await gitlabService(gitlab);
});
afterEach(async () => {
  await service.close();
  await gitlab.close();
}, 30_000);

describe('files of all kinds, from GitLab to the index', () => {
  it('names are taken as they are: signs that URLs mean something by, NFC beside NFD, upper beside lower case (E1, E2, E4)', async () => {
    await push([
      ['with space/ä#?%+&=.md', 'plus\n'],
      ['%2e%2e/x.md', 'percent\n'],
      ['é.md'.normalize('NFC'), 'composed\n'],
      ['é.md'.normalize('NFD'), 'decomposed\n'],
      ['README.md', 'shouted\n'],
    ]);
    expect(Object.keys(await became())).toHaveLength(5);
    expect(await found('percent')).toEqual(['%2e%2e/x.md']);
    await push([
      ['README.md', null],
      ['readme.md', 'shouted\n'],
    ]);
    expect(await found('shouted')).toEqual(['readme.md']);
  }, 60_000);

  it('content decides: binary, encodings, marks, line ends, nothing at all, pointers (E7, E8, E9, E10, E11, E12, E17)', async () => {
    await push([
      ['binary.md', PICTURE],
      ['latin1.md', Buffer.from('caf\xe9 latinword\n', 'latin1')],
      ['bom.md', '\ufeffbommed word\n'],
      ['utf16.md', utf16('sixteen word\n', true)],
      ['utf16-bare.md', utf16('bare word\n', false)],
      ['dos.md', 'carriage\r\nreturn\r\n'],
      ['empty.md', ''],
      ['blank.md', ' \n\t\n'],
      ['lfs.md', `version https://git-lfs.github.com/spec/v1\noid sha256:${'a'.repeat(64)}\nsize 12345\n`],
    ]);
    expect(await became()).toMatchObject({
      ...{ 'binary.md': 'binary', 'bom.md': 'indexed', 'utf16.md': 'indexed', 'utf16-bare.md': 'indexed' },
      ...{ 'dos.md': 'indexed', 'empty.md': 'empty', 'blank.md': 'empty', 'lfs.md': 'lfs_pointer' },
    });
    expect(['indexed', 'encoding']).toContain((await became())['latin1.md']);
    expect(await found('bommed')).toEqual(['bom.md']);
    expect(await found('sixteen')).toEqual(['utf16.md']);
    expect(await found('bare')).toEqual(['utf16-bare.md']);
  }, 60_000);

  it('what became something else is found no more: binary, empty, a link, a module, a folder (E13, E14, E15, E16)', async () => {
    await push([
      ...['to-binary.md', 'to-empty.md', 'to-link.md', 'to-module.md', 'to-folder'].map((path): [string, string] => [
        path,
        `formerly ${path}\n`,
      ]),
      ['was-folder/a.md', 'formerly inside\n'],
      ['kept.md', 'formerly kept\n'],
    ]);
    expect(await found('formerly')).toHaveLength(7);
    await push([
      ['to-binary.md', PICTURE],
      ['to-empty.md', ''],
      ['to-link.md', { mode: '120000', content: 'kept.md' }],
      ['to-module.md', { mode: '160000', commit: COMMIT }],
      ['to-folder', null],
      ['to-folder/inner.md', 'formerly outer\n'],
      ['was-folder/a.md', null],
      ['was-folder', 'formerly a folder\n'],
    ]);
    expect(await found('formerly')).toEqual(['kept.md', 'to-folder/inner.md', 'was-folder']);
    expect(await became()).toMatchObject({ 'to-link.md': 'symlink', 'to-module.md': 'submodule' });
    // The pointer of a module moves, and there is still nothing to find.
    await push([['to-module.md', { mode: '160000', commit: 'cafe'.repeat(10) }]]);
    expect(await found('formerly')).toHaveLength(3);
  }, 60_000);

  it('a mode that changes, and the same content elsewhere, embed nothing anew (E19, E46)', async () => {
    expect((await push([['run.sh', 'echo tide\n']])).embedded).toBe(1);
    expect((await push([['run.sh', { mode: '100755', content: 'echo tide\n' }]])).embedded).toBe(0);
    expect((await push([['bin/copy.sh', 'echo tide\n']])).embedded).toBe(0);
    expect(await found('tide')).toEqual(['bin/copy.sh', 'run.sh']);
  }, 60_000);
});
