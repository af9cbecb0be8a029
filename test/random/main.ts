/** npm run test:random -- --histories 300 --seed 1     random histories of real repositories, on real engines */
import { parseArgs } from 'node:util';
import { runHistory } from './history.ts';

const { values } = parseArgs({
  options: {
    histories: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    side: { type: 'string', default: '3' },
  },
});
const [histories, first] = [Number(values.histories), Number(values.seed)];
const began = Date.now();
let violated = 0;
let next = first;
/** Several at a time: a history waits more than it works. */
const side = async (): Promise<void> => {
  while (next < first + histories) {
    const seed = next;
    next += 1;
    const wrong = await runHistory(seed);
    if (wrong.length > 0) violated += 1;
    for (const one of wrong.slice(0, 10)) console.log(one);
    if (process.stderr.isTTY) process.stderr.write(`\r${seed - first + 1} of ${histories} histories`);
  }
};
await Promise.all(Array.from({ length: Number(values.side) }, side));
console.log(
  `${histories} histories from seed ${first}, ${violated} violated, ${((Date.now() - began) / 1_000).toFixed(1)} s`,
);
process.exitCode = violated > 0 ? 1 : 0;
