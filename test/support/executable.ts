/** The executable as it is installed, run as a process of its own. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { environment } from './repository.ts';

/** Of a configuration that a test has written where it runs: the test has named it. An empty variable names none. */
export const named = (cwd: string): Record<string, string> => {
  const file = join(cwd, 'tidemark.yaml');
  return existsSync(file) ? { TIDEMARK_CONFIG: file } : {};
};

const root = fileURLToPath(new URL('../..', import.meta.url));
const DEADLINE_MS = 30_000;

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  /** Resolves once what it has written so far, to either stream, matches. */
  says(pattern: RegExp): Promise<RegExpExecArray>;
  readonly ended: Promise<Ended>;
}

export interface Executable {
  /** The package, as it is installed. */
  readonly directory: string;
  start(cwd: string, args: readonly string[], env?: Record<string, string>): Running;
  run(cwd: string, args: readonly string[], env?: Record<string, string>): Promise<Ended>;
  /** From now on as where that package was not installed. */
  without(scope: string): void;
  /** Ends all that is still running, so that a test that fails leaves nothing behind. */
  remove(): Promise<void>;
}

/** Compiled for a run of tests, since `dist` may be older than the source; a command that is no such run has its own. */
export const buildExecutable = (): Executable => {
  const run = process.env.TIDEMARK_TEST_RUN;
  const copies: string[] = [];
  const built = run ?? compiled(mkdtempSync(join(tmpdir(), 'tidemark-executable-')));
  let directory = built;
  const running = new Set<Running>();

  const start = (cwd: string, args: readonly string[], env: Record<string, string> = {}): Running => {
    const child = spawn(process.execPath, [join(directory, 'bin', 'tidemark.js'), ...args], {
      cwd,
      env: { ...environment(), ...named(cwd), TIDEMARK_HTTP_PORT: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk;
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk;
    });
    const ended = new Promise<Ended>((resolve, reject) => {
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, stdout, stderr }));
    });
    const one: Running = {
      child,
      ended,
      async says(pattern) {
        const until = Date.now() + DEADLINE_MS;
        for (;;) {
          const found = pattern.exec(stdout) ?? pattern.exec(stderr);
          if (found) return found;
          if (child.exitCode !== null || Date.now() > until)
            throw new Error(`tidemark ${args.join(' ')} did not say ${pattern}, but:\n${stdout}${stderr}`);
          await sleep(20);
        }
      },
    };
    running.add(one);
    ended.then(
      () => running.delete(one),
      () => running.delete(one),
    );
    return one;
  };

  return {
    directory,
    start,
    run: (cwd, args, env) => start(cwd, args, env).ended,
    without(scope) {
      // A copy of its own: others share the one that is compiled.
      const copy = mkdtempSync(join(tmpdir(), 'tidemark-without-'));
      cpSync(directory, copy, { recursive: true, filter: (path) => path !== join(directory, 'node_modules') });
      copies.push(copy);
      directory = copy;
      const modules = join(copy, 'node_modules');
      mkdirSync(modules);
      for (const name of readdirSync(join(root, 'node_modules')))
        if (name !== scope) symlinkSync(join(root, 'node_modules', name), join(modules, name));
    },
    async remove() {
      const left = [...running];
      for (const { child } of left) child.kill('SIGKILL');
      await Promise.all(left.map(({ ended }) => ended));
      for (const own of run === undefined ? [...copies, built] : copies) rmSync(own, { recursive: true, force: true });
    },
  };
};

/** The package without types, which only who compiles against it needs. */
export const compiled = (directory: string): string => {
  execFileSync(process.execPath, [join(root, 'scripts', 'build.js'), join(directory, 'dist'), '--no-types']);
  for (const copied of ['bin', 'package.json'])
    cpSync(join(root, copied), join(directory, copied), { recursive: true });
  for (const linked of ['node_modules', 'models']) symlinkSync(join(root, linked), join(directory, linked));
  return directory;
};

/** Repeats the question until the answer is as it should be. */
export const eventually = async <T>(ask: () => Promise<T>, isIt: (answer: T) => boolean): Promise<T> => {
  const until = Date.now() + DEADLINE_MS;
  for (;;) {
    const answer = await ask();
    if (isIt(answer)) return answer;
    if (Date.now() > until) throw new Error(`it never came to it; the last answer: ${JSON.stringify(answer)}`);
    await sleep(50);
  }
};
