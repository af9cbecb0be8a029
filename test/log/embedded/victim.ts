/**
 * Appends, reads, settles and compacts until it is killed. Prints what was acknowledged, after it was, and what it is
 * about to settle, before it does: `append TOPIC KEY NUMBER`, `settle PARTITION OFFSET`.
 */
import { openLog, text } from './support.ts';

const [directory = '', from = '0'] = process.argv.slice(2);
const log = await openLog(
  directory,
  {
    plain: { policy: 'delete', retentionMs: 3_600_000, partitions: 2 },
    compacted: { policy: 'compact', lagMs: 0, tombstonesMs: 3_600_000, partitions: 1 },
  },
  { segmentBytes: 4096, rollMs: 0, commitMs: 1, upkeepMs: 1 },
);

let number = Number(from);
const writer = async (topic: string, name: number) => {
  for (;;) {
    number += 1;
    const mine = number;
    const key = `k${name}-${mine % 5}`;
    await log.append(topic, [text(key, `${mine}`)]);
    process.stdout.write(`append ${topic} ${key} ${mine}\n`);
  }
};

const settler = async () => {
  for await (const delivery of log.read('plain', 'g')) {
    process.stdout.write(`settle ${delivery.partition} ${delivery.offset}\n`);
    delivery.settle();
  }
};

console.log('open');
await Promise.all([
  ...Array.from({ length: 8 }, (_, name) => writer('plain', name)),
  ...Array.from({ length: 4 }, (_, name) => writer('compacted', name)),
  settler(),
]);
