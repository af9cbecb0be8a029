import { makeHistory } from './history.ts';
import { runHistory } from './run.ts';

const seed = Number(process.argv[2] ?? 1);
const count = Number(process.argv[3] ?? 100);
const started = Date.now();
let steps = 0;
let failed = 0;
for (let s = seed; s < seed + count; s += 1) {
  const h = makeHistory(s);
  const o = await runHistory(h, { tracing: count === 1 });
  steps += o.steps;
  if (count === 1) console.log(o.trace.join('\n'));
  if (o.violations.length > 0) {
    failed += 1;
    if (failed < 15) console.log(s, h.strict, o.violations.slice(0, 3));
  }
}
console.log({ failed, count, ms: Date.now() - started, steps });
