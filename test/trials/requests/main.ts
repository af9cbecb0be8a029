/** npm run trial -- requests --requests 100000 --seed 1      so many requests of random shape against each port */
import { parseArgs } from 'node:util';
import { inMib, siege, wrongWith } from './siege.ts';

const { values } = parseArgs({
  options: { requests: { type: 'string', default: '100000' }, seed: { type: 'string', default: '1' } },
});
const all = await siege({ requests: Number(values.requests), seed: Number(values.seed) }, (port) => {
  const answers = Object.entries(port.answers).map(([kind, count]) => `${count} ${kind}`);
  const memory = `memory ${inMib(port.memoryBefore)} to ${inMib(port.memoryAfter)} MiB`;
  console.log(`${port.port}: ${port.requests} requests, ${answers.join(', ')}; ${port.faults} were 500; ${memory}`);
});
const wrong = all.flatMap(wrongWith);
for (const one of wrong) console.log(one);
process.exitCode = wrong.length > 0 ? 1 : 0;
