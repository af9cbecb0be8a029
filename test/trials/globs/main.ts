/**
 * Random patterns of up to a thousand characters, as somebody would write who wants to stop the service: as a glob of a
 * search, as a pattern of a `.gitignore` and as one of branches, each compared with paths that are made to nearly match.
 *
 *   npm run trial -- globs --globs 10000 --seed 1
 *
 * Ends with 1 if a pattern took longer than 50 ms of the processor. Refusals count as answers.
 */
import { parseArgs } from 'node:util';
import { BadUsage, messageOf } from '../../../src/errors.ts';
import { globMatcher } from '../../../src/paths/glob.ts';
import { refSelection } from '../../../src/paths/ref-selection.ts';
import { selection } from '../../../src/paths/selection.ts';
import { randomGlob, randomPath, randomsOf } from './random.ts';

const LIMIT_MS = 50;
const MAX_CHARS = 1_000;
const PATHS = 4;

const { values } = parseArgs({
  options: { globs: { type: 'string', default: '10000' }, seed: { type: 'string', default: '1' } },
});

const kinds = {
  glob: (pattern: string) => globMatcher(pattern),
  gitignore: (pattern: string) => selection({ include: ['**/*'], exclude: [pattern] }),
  branch: (pattern: string) => refSelection([pattern]),
};

const processorMs = (since?: NodeJS.CpuUsage) => {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1_000;
};

const random = randomsOf(Number(values.seed));
const count = Number(values.globs);
const slowest = { ms: 0, kind: '', pattern: '' };
let [refused, compared, matched] = [0, 0, 0];
for (let at = 0; at < count; at += 1) {
  const pattern = randomGlob(random, MAX_CHARS);
  const paths = Array.from({ length: PATHS }, () => randomPath(random, pattern));
  for (const [kind, matcherOf] of Object.entries(kinds)) {
    const began = process.cpuUsage();
    try {
      const matches = matcherOf(pattern);
      for (const path of paths) {
        compared += 1;
        if (matches(path)) matched += 1;
      }
    } catch (error) {
      if (!(error instanceof BadUsage)) throw new Error(`${kind} ${JSON.stringify(pattern)}: ${messageOf(error)}`);
      refused += 1;
    }
    const ms = processorMs(began);
    if (ms > slowest.ms) Object.assign(slowest, { ms, kind, pattern });
  }
}
console.log(
  `${count} patterns of up to ${MAX_CHARS} characters, ${compared} comparisons, ${matched} matches, ${refused} refused`,
);
console.log(`slowest: ${slowest.ms.toFixed(1)} ms, ${slowest.kind} ${JSON.stringify(slowest.pattern.slice(0, 100))}`);
if (slowest.ms > LIMIT_MS) process.exitCode = 1;
