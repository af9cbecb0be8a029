/** The executable: what it is given comes from here, and everything else is told of it. */
import { EXIT } from './cli/exit.ts';
import { runCommandLine } from './cli/run.ts';
import { interrupts } from './cli/signals.ts';
import { packagedVersion } from './package.ts';

const { argv, env, stdout, stderr } = process;

const endNow = (waitedTooLong: boolean) => {
  if (waitedTooLong) stderr.write('tidemark: ended with something unfinished, which the next start does again\n');
  process.exit(EXIT.cancelled);
};
/** Whoever reads our output has seen enough, as `head` does. */
const unread = (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? EXIT.success : EXIT.internal);
stdout.on('error', unread);
stderr.on('error', unread);

process.exitCode = await runCommandLine({
  argv: argv.slice(2),
  env,
  cwd: process.cwd(),
  version: packagedVersion(),
  engines: () => import('./pipeline/engines.ts'),
  stdout,
  stderr,
  interrupts: interrupts(process, Date.now, endNow),
  endNow: (exit) => process.exit(exit),
});
