import { type ChildProcess, spawn } from 'node:child_process';
import { parse } from 'node:path';
import { codeOf, StopFlow, TryAgain } from '../../errors.ts';
import { KIB, MIB, SECOND } from '../../units.ts';

const STDERR_BYTES = 8 * KIB;

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Of git's own variables only those that say where its configuration and programs are. The others may come from a hook
 * or an alias that started us, and would point every command at another repository, index or object store.
 */
const KEPT =
  /^GIT_(CONFIG_(GLOBAL|SYSTEM|NOSYSTEM|COUNT|KEY_\d+|VALUE_\d+)|EXEC_PATH|CEILING_DIRECTORIES|DISCOVERY_ACROSS_FILESYSTEM)$/;

const safe = (environment: Environment): Record<string, string | undefined> => ({
  ...Object.fromEntries(Object.entries(environment).filter(([name]) => !name.startsWith('GIT_') || KEPT.test(name))),
  // What git says about a failure is read by this module.
  LC_ALL: 'C',
  LANGUAGE: 'C',
  // Reading must never hold a lock that the user's own git would fail on.
  GIT_OPTIONAL_LOCKS: '0',
  // A replacement would give a blob's id another content than the one that it is the hash of.
  GIT_NO_REPLACE_OBJECTS: '1',
  // Nothing is fetched: what a partial clone lacks is said, not downloaded blob by blob with the user's credentials.
  GIT_NO_LAZY_FETCH: '1',
  GIT_ALLOW_PROTOCOL: '',
  GIT_TERMINAL_PROMPT: '0',
});

/** The repository's configuration may name programs; nothing that is read here needs one. */
const SAFE_FLAGS = [
  '--no-pager',
  '--literal-pathspecs',
  '-c',
  'core.hooksPath=/dev/null',
  '-c',
  'core.fsmonitor=false',
];

/** By default git may map whole packs into memory, and keep 96 MiB of delta bases, per process. */
const MEMORY_FLAGS = [
  ...['-c', 'core.packedGitWindowSize=16m', '-c', 'core.packedGitLimit=128m'],
  ...['-c', 'core.deltaBaseCacheLimit=32m'],
];

export interface Answer {
  readonly code: number;
  readonly stdout: Buffer;
  readonly stderr: string;
  /** False when the output was longer than asked for; git was ended then, and `stdout` is its beginning. */
  readonly complete: boolean;
}

export interface Ask {
  readonly input?: string;
  readonly maxBytes?: number;
  /** Exit codes that are an answer and no failure. */
  readonly codes?: readonly number[];
}

export interface Git {
  /** Runs git to its end. Throws for an exit code that is not expected. */
  run(args: readonly string[], ask?: Ask): Promise<Answer>;
  /** Starts a git that lives as long as its standard input is open. */
  start(args: readonly string[]): ChildProcess;
  /** What a failed command calls for, told by what it wrote. */
  failure(action: string, stderr: string, cause?: unknown): Error;
}

export interface GitOptions {
  /** Goes before the command: where the repository is. */
  readonly place: readonly string[];
  readonly environment: Environment;
  readonly deadlineMs?: number;
  readonly program?: string;
  /** Ends all that runs. */
  readonly signal: AbortSignal;
}

/** No command can help against these. */
const NEEDS_A_PERSON: readonly (readonly [RegExp, string])[] = [
  [
    /dubious ownership|unsafe repository/,
    'another user owns the repository; if you trust it, add it to safe.directory',
  ],
  [
    /promisor|lazy fetch/,
    'the repository is a partial clone and lacks the object; `git fetch --refetch` without a filter brings it',
  ],
  [/not a git repository|cannot change to|cannot use bare repository/, 'there is no git repository'],
  [/unknown repository extension|repo version|unknown ref storage/, 'this git program is too old for the repository'],
];

export const gitCommand = ({
  place,
  environment,
  deadlineMs = 120 * SECOND,
  program = 'git',
  signal,
}: GitOptions): Git => {
  const env = safe(environment);

  const start = (args: readonly string[]): ChildProcess =>
    spawn(program, [...place, ...SAFE_FLAGS, ...MEMORY_FLAGS, ...args], {
      env,
      // A directory that is always there, so that a failing start can only mean the program.
      cwd: parse(process.execPath).root,
      stdio: ['pipe', 'pipe', 'pipe'],
      // Its own process group: Ctrl-C in a terminal is for us, who still need git to finish what was begun.
      detached: true,
      windowsHide: true,
    });

  const failure = (action: string, stderr: string, cause?: unknown): Error => {
    const code = codeOf(cause);
    if (code === 'ENOENT' || code === 'EACCES') {
      return new StopFlow(`cannot ${action}: the git program ${JSON.stringify(program)} cannot be started`, { cause });
    }
    const said = stderr.trim();
    const message = `cannot ${action}: ${said || (cause instanceof Error ? cause.message : 'git ended without a word')}`;
    const person = NEEDS_A_PERSON.find(([pattern]) => pattern.test(said));
    return person ? new StopFlow(`${message} (${person[1]})`, { cause }) : new TryAgain(message, { cause });
  };

  const run = (args: readonly string[], { input, maxBytes = 64 * MIB, codes = [0] }: Ask = {}): Promise<Answer> =>
    new Promise((resolve, reject) => {
      const action = `run git ${args.find((arg) => !arg.startsWith('-'))}`;
      if (signal.aborted) {
        reject(new TryAgain(`cannot ${action}: the source is closed`));
        return;
      }
      const child = start(args);
      const out: Buffer[] = [];
      let bytes = 0;
      let stderr = '';
      let complete = true;
      let ended = 'git was ended by a signal';
      const end = (why: string) => {
        ended = why;
        child.kill('SIGKILL');
      };
      const close = () => end('the source was closed');
      const deadline = setTimeout(() => end(`git did not end within ${deadlineMs} ms`), deadlineMs);
      signal.addEventListener('abort', close, { once: true });
      const settled = () => {
        clearTimeout(deadline);
        signal.removeEventListener('abort', close);
      };
      child.stdout?.on('data', (chunk: Buffer) => {
        if (!complete) return;
        bytes += chunk.length;
        out.push(chunk);
        if (bytes <= maxBytes) return;
        complete = false;
        child.kill('SIGKILL');
      });
      child.stderr?.on('data', (chunk: Buffer) => {
        if (stderr.length < STDERR_BYTES) stderr += chunk.toString('utf8');
      });
      // Git may end before it has read its input. What it wrote, or its exit code, then says why.
      child.stdin?.on('error', () => undefined);
      child.stdin?.end(input ?? '');
      child.once('error', (error) => {
        settled();
        reject(failure(action, stderr, error));
      });
      child.once('close', (code) => {
        settled();
        if (!complete || (code !== null && codes.includes(code))) {
          resolve({ code: code ?? 0, stdout: Buffer.concat(out), stderr, complete });
        } else if (code === null) {
          reject(new TryAgain(`cannot ${action}: ${ended}`));
        } else {
          reject(failure(action, stderr, new Error(`git ended with code ${code}`)));
        }
      });
    });

  return { run, start, failure };
};
