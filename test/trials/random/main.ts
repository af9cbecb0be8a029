/**
 * npm run trial -- random --histories 300 --seed 1                          random histories of real repositories
 * npm run trial -- random --through gitlab [--log kafka]                    the same by way of a simulated GitLab
 */
import { parseArgs } from 'node:util';
import { findKafka } from '../../support/kafka-broker.ts';
import { throughGit } from './through-git.ts';
import { throughGitlab } from './through-gitlab.ts';

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    side: { type: 'string', default: '3' },
    through: { type: 'string', default: 'git' },
    log: { type: 'string', default: 'embedded' },
  },
});
const kafka = values.log === 'kafka' ? await findKafka() : undefined;
if (kafka && 'missing' in kafka) throw new Error(`there is no Kafka: ${kafka.missing}`);
const runHistory = (seed: number) =>
  values.through === 'gitlab' ? throughGitlab(seed, kafka?.address) : throughGit(seed);
const [count, first] = [Number(values.histories), Number(values.seed)];
const began = Date.now();
let violated = 0;
let next = first;
/** Several at a time: a history waits more than it works. */
const side = async (): Promise<void> => {
  while (next < first + count) {
    const seed = next;
    next += 1;
    const wrong = await runHistory(seed).catch((error: unknown) => [`seed ${seed}: ${error}`]);
    if (wrong.length > 0) violated += 1;
    for (const one of wrong.slice(0, 10)) console.log(one);
    if (process.stderr.isTTY) process.stderr.write(`\r${seed - first + 1} of ${count} histories`);
  }
};
try {
  await Promise.all(Array.from({ length: Number(values.side) }, side));
} finally {
  await kafka?.stop();
}
console.log(
  `${count} histories from seed ${first}, ${violated} violated, ${((Date.now() - began) / 1_000).toFixed(1)} s`,
);
process.exitCode = violated > 0 ? 1 : 0;
