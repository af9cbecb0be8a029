/** Whether a store's file holds what was written there, asked of a process of its own that may come down over it. */
import { spawn } from 'node:child_process';
import { stat } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { codeOf, Damaged } from '../../errors.ts';
import { besideOf } from '../../runtime/thread.ts';
import { KIB, SECOND } from '../../units.ts';

/** A start may take so much longer for it: a store of some gigabytes is not read to its end by then. */
const QUICK_MS = 30 * SECOND;
const MAX_SAID_BYTES = 64 * KIB;

export interface Checked {
  /** Empty where all is well, as far as it was looked. */
  readonly findings: readonly string[];
  /** False where there was no time to come to the end. */
  readonly complete: boolean;
}

export interface CheckOptions {
  /** Whether its trees are trees, or all that is in it. */
  readonly how: 'quick' | 'whole';
  readonly signal?: AbortSignal;
}

export const checkStore = async (file: string, { how, signal }: CheckOptions): Promise<Checked> => {
  if ((await sizeOf(file)) === undefined) return { findings: [], complete: true };
  const { code, ended, stdout, stderr } = await run(file, how, signal);
  const complete = code !== null || ended === undefined;
  const findings = stdout.split('\n').filter((line) => line !== '');
  if (code === 0 || !complete) return { findings, complete };
  // What the driver says as it goes down, without its stack.
  const said = /panicked at[^\n]*\n([^\n]*)/.exec(stderr)?.[1] ?? stderr.trim().split('\n', 1)[0] ?? '';
  return { findings: [...findings, `whoever reads it ends: ${said}`], complete };
};

/** SQLite clears its write-ahead log away when it is closed: one that is there was left by a process that could not. */
export const checkAfterCrash = async (
  file: string,
  said: (of: { readonly file: string; readonly seconds: number; readonly complete: boolean }) => void,
): Promise<void> => {
  if (!(await sizeOf(`${file}-wal`))) return;
  const beganAt = performance.now();
  const { findings, complete } = await checkStore(file, { how: 'quick', signal: AbortSignal.timeout(QUICK_MS) });
  said({ file, seconds: (performance.now() - beganAt) / SECOND, complete });
  if (findings.length > 0) throw new Damaged(`embedded store: ${file} is damaged: ${findings.join('; ')}`);
};

const sizeOf = async (file: string): Promise<number | undefined> => {
  try {
    return (await stat(file)).size;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
};

interface Ended {
  readonly code: number | null;
  /** It was told to end. */
  readonly ended: true | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

const run = (file: string, how: string, signal: AbortSignal | undefined): Promise<Ended> =>
  new Promise((resolve, reject) => {
    const program = besideOf(import.meta.url, 'checker');
    const loader = program.pathname.endsWith('.ts') ? ['--import', import.meta.resolve('tsx')] : [];
    // No environment: it has no use for secrets.
    const child = spawn(process.execPath, [...loader, fileURLToPath(program), file, how], {
      env: {},
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let [stdout, stderr] = ['', ''];
    let ended: true | undefined;
    const end = () => {
      ended = true;
      child.kill('SIGKILL');
    };
    if (signal?.aborted) end();
    signal?.addEventListener('abort', end, { once: true });
    child.stdout.on('data', (chunk: Buffer) => {
      if (stdout.length < MAX_SAID_BYTES) stdout += chunk.toString('utf8');
    });
    child.stderr.on('data', (chunk: Buffer) => {
      if (stderr.length < MAX_SAID_BYTES) stderr += chunk.toString('utf8');
    });
    child.once('error', reject);
    child.once('close', (code) => {
      signal?.removeEventListener('abort', end);
      resolve({ code, ended, stdout, stderr });
    });
  });
