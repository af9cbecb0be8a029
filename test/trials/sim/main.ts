/**
 * npm run trial -- sim --histories 10000 --seed 1      runs so many histories on two processes
 * npm run trial -- sim --replay 4711                   runs one again, with its trace
 */
import { fork } from 'node:child_process';
import { parseArgs } from 'node:util';
import { makeHistory } from './history.ts';
import { runHistory } from './run.ts';
import { report, shrink } from './shrink.ts';
import type { Told } from './worker.ts';

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    processes: { type: 'string', default: '2' },
    'fail-fast': { type: 'boolean', default: false },
    'no-shrink': { type: 'boolean', default: false },
    replay: { type: 'string' },
  },
});

const runShare = (from: number, until: number, step: number, tell: (told: Told) => boolean): Promise<Told> =>
  new Promise((resolve, reject) => {
    const child = fork(new URL('./worker.ts', import.meta.url), [from, until, step].map(String), {
      execArgv: ['--import', 'tsx'],
    });
    let last: Told = { done: 0, steps: 0, fingerprint: 0, failed: [] };
    child.on('message', (told: Told) => {
      last = told;
      if (tell(told)) child.kill();
    });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (code === 0 || signal === 'SIGTERM') resolve(last);
      else reject(new Error(`the process of seeds ${from}, ${from + step}, … ended with ${code ?? signal}`));
    });
  });

const runAll = async (seed: number, histories: number, processes: number): Promise<number> => {
  const began = Date.now();
  const shares: Told[] = [];
  const told = await Promise.all(
    Array.from({ length: processes }, (_, share) =>
      runShare(seed + share, seed + histories, processes, (now) => {
        shares[share] = now;
        const done = shares.reduce((sum, each) => sum + (each?.done ?? 0), 0);
        if (process.stderr.isTTY) process.stderr.write(`\r${done} of ${histories} histories`);
        return values['fail-fast'] && shares.some((each) => (each?.failed.length ?? 0) > 0);
      }),
    ),
  );
  const failed = told.flatMap((share) => share.failed).sort((a, b) => a - b);
  const done = told.reduce((sum, share) => sum + share.done, 0);
  const steps = told.reduce((sum, share) => sum + share.steps, 0);
  const fingerprint = told.reduce((sum, share) => (sum + share.fingerprint) % 2 ** 32, 0);
  const seconds = ((Date.now() - began) / 1_000).toFixed(1);
  console.log(
    `${done} histories from seed ${seed}, ${steps} steps, ${failed.length} violated, trace ${fingerprint.toString(16)}, ${seconds} s`,
  );
  const [first] = failed;
  if (first === undefined) return 0;
  if (values['no-shrink']) return 1;
  console.log(`violated by seeds ${failed.slice(0, 20).join(', ')}; the first, made short:`);
  console.log(await report(await shrink(makeHistory(first))));
  return 1;
};

if (values.replay !== undefined) {
  const { trace, violations, fingerprint } = await runHistory(makeHistory(Number(values.replay)), { tracing: true });
  for (const line of trace) console.log(line);
  for (const violation of violations) console.log(`violated: ${violation}`);
  console.log(`trace ${fingerprint}`);
  process.exitCode = violations.length > 0 ? 1 : 0;
} else process.exitCode = await runAll(Number(values.seed), Number(values.histories), Number(values.processes));
