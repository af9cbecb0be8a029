import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { buildExecutable, type Executable } from '../support/executable.ts';
import { makeRepository, type TestRepository } from '../support/repository.ts';

let tidemark: Executable;
let repository: TestRepository;
let outside: string;
const tide = (...args: string[]) => tidemark.run(repository.directory, args);
const configure = (yaml: string) => writeFile(join(repository.directory, 'tidemark.yaml'), yaml);

beforeAll(async () => {
  tidemark = buildExecutable();
  repository = await makeRepository();
  await repository.commit({ files: [['a.md', '# A\n\nAbout quokkas.\n']] });
  outside = await mkdtemp(join(tmpdir(), 'tidemark-outside-'));
}, 60_000);

afterAll(async () => {
  await tidemark?.remove();
  await repository?.remove();
  await rm(outside, { recursive: true, force: true });
});

describe('what is typed', () => {
  it('an unknown command is refused with the nearest, and with the command that lists them', async () => {
    expect(await tide('serch')).toEqual({
      ...{ code: 2, stdout: '' },
      stderr: 'tidemark: there is no command "serch"; did you mean "search"? tidemark --help lists the commands\n',
    });
    expect((await tide('dead-letters', 'lst')).stderr).toBe(
      'tidemark: there is no command "dead-letters lst"; did you mean "dead-letters list"? tidemark dead-letters --help lists the commands\n',
    );
    expect((await tide('gitlab', 'hooks', 'zzzzzzzzzzz')).stderr).toBe(
      'tidemark: there is no command "gitlab hooks zzzzzzzzzzz"; tidemark gitlab hooks --help lists the commands\n',
    );
  });

  it('an unknown option is refused with the nearest or the one that it begins, and with the command that lists them', async () => {
    const refused = 'tidemark: backfill has no option';
    const lists = 'tidemark backfill --help lists the options\n';
    expect((await tide('backfill', '--cancle')).stderr).toBe(
      `${refused} "--cancle"; did you mean "--cancel"? ${lists}`,
    );
    expect((await tide('backfill', '--dry')).stderr).toBe(`${refused} "--dry"; did you mean "--dry-run"? ${lists}`);
    expect((await tide('backfill', '--zzzz')).stderr).toBe(`${refused} "--zzzz"; ${lists}`);
  });

  it.each([
    ['dead-letters', ['dead-letters list', 'dead-letters discard']],
    ['config', ['config check', 'config schema']],
    ['gitlab', ['gitlab hooks ensure', 'gitlab hooks remove']],
    ['gitlab hooks', ['gitlab hooks list']],
    ['topics', ['topics print']],
  ])('the group %s has help of its own, which is an error where no command of it is named', async (group, names) => {
    const words = group.split(' ');
    const help = await tide(...words, '--help');
    expect(help).toMatchObject({ code: 0, stderr: '' });
    for (const name of names) expect(help.stdout).toMatch(new RegExp(`^  ${name}.* {2}[A-Z].*\\.$`, 'm'));
    expect(await tide('help', ...words)).toEqual(help);
    expect(await tide(...words)).toEqual({ code: 2, stdout: '', stderr: help.stdout });
  });

  it('no command at all is an error with the list of them', async () => {
    const { stdout } = await tide('--help');
    expect(await tide()).toEqual({ code: 2, stdout: '', stderr: stdout });
  });

  it('a command that has others below it names them', async () => {
    expect((await tide('documents', '--help')).stdout).toMatch(/^ {2}documents show PATH {2}/m);
  });

  it('every summary, every option and every detail is a sentence', () => {
    for (const { name, summary, details = '.', options = {} } of commands) {
      const texts = [summary, details, ...Object.values(options).map(({ description }) => description)];
      for (const text of texts) expect(text, name).toMatch(/(?:[.?"]|fish|tidemark\.schema\.json)$/);
      for (const { description } of Object.values(options)) expect(description, name).toMatch(/^[A-Z][a-z]*s /);
      expect(summary, name).toMatch(/^[A-Z][a-z]*s /);
    }
  });

  it('an unknown option, a missing value and a word too many are refused', async () => {
    expect(await tide('search', 'x', '--jsn')).toMatchObject({ code: 2, stderr: expect.stringContaining('"--json"') });
    expect(await tide('search', 'x', '--limit')).toMatchObject({ code: 2, stderr: expect.stringContaining('value') });
    expect(await tide('search', 'x', '--limit', 'many')).toMatchObject({ code: 2 });
    expect(await tide('search')).toMatchObject({ code: 2, stderr: expect.stringContaining('QUERY') });
    expect(await tide('search', 'x', 'y')).toMatchObject({ code: 2 });
  });

  it('every command has help', async () => {
    const { code, stdout } = await tide('--help');
    expect(code).toBe(0);
    const names = [...stdout.matchAll(/^ {2}([a-z]+(?:-letters)?(?: [a-z]+)?)/gm)].map(([, name = '']) => name);
    expect(names.length).toBeGreaterThanOrEqual(13);
    const helps = await Promise.all([['search'], ['dead-letters', 'replay']].map((words) => tide(...words, '--help')));
    for (const help of helps) expect(help).toMatchObject({ code: 0, stdout: expect.stringContaining('--pipeline') });
  });
});

describe('where it is typed', () => {
  it('outside a repository it says so, and how to go on', async () => {
    const { code, stderr } = await tidemark.run(outside, ['serve']);
    expect(code).toBe(78);
    expect(stderr).toMatch(/not in a git repository.*tidemark\.yaml/s);
  });

  it('a mistake in the file is told with its line, and by no stack', async () => {
    await configure('pipelines:\n  default:\n    chunks: { tokens: 12 }\n');
    const { code, stderr } = await tide('config', 'check');
    expect(code).toBe(78);
    expect(stderr).toContain(
      'tidemark.yaml:3:5: pipelines.default.chunks: there is no such option: did you mean "chunk"?',
    );
    expect(stderr).not.toMatch(/^\s+at /m);
    await configure('');
    expect(await tide('config', 'check')).toMatchObject({ code: 0 });
    expect(await tide('status', '--pipeline', 'other')).toMatchObject({ code: 78 });
  });

  it('a search before anything is indexed says what to do', async () => {
    expect(await tide('search', 'x')).toMatchObject({ code: 75, stderr: expect.stringContaining('tidemark serve') });
  });
});

describe('two at a time', () => {
  it('a service waits for a command that is at work, and commands for each other', async () => {
    const commands = [
      tidemark.start(repository.directory, ['backfill']),
      tidemark.start(repository.directory, ['verify']),
    ];
    await commands[0]?.says(/run 1-/);
    const service = tidemark.start(repository.directory, ['serve']);
    for (const { ended } of commands) expect((await ended).stderr).not.toMatch(/lock|process/);
    await service.says(/^ready: /m);
    service.child.kill('SIGINT');
    expect(await service.ended).toMatchObject({ code: 0 });
  });
});

describe('another chunk size', () => {
  it('is refused until reindex has built for it, and rollback goes back', async () => {
    const generation = async () => JSON.parse((await tide('search', 'quokkas', '--json')).stdout).generation;
    expect(await tide('backfill')).toMatchObject({ code: 0 });
    const before = await generation();

    await configure('pipelines: { default: { chunk: { tokens: 64 } } }');
    const refused = await tide('backfill');
    expect(refused).toMatchObject({ code: 78, stdout: '' });
    expect(refused.stderr).toMatch(/chunk\.tokens from 256 to 64.*tidemark reindex/);
    expect(await generation()).toBe(before);

    const built = JSON.parse((await tide('reindex', '--json')).stdout);
    expect(built).toMatchObject({ previous: before, moved: true });
    expect(await generation()).toBe(built.generation);
    expect(await tide('backfill')).toMatchObject({ code: 0 });

    expect(await tide('rollback')).toMatchObject({ code: 0 });
    expect(await generation()).toBe(before);
  });
});
