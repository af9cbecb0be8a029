import { onKafka } from '../broker.ts';
import type { Figure } from '../figures.ts';
import type { Backfilled, Stage } from '../stage.ts';

/** Alternating, so that whatever else the machine does meanwhile slows both. */
const ROUNDS = 2;

/** The same backfill with all parts embedded and with Kafka for its log; the broker has no cores of its own. */
export const kafka = async (stage: Stage): Promise<readonly Figure[]> => {
  const embedded: Backfilled[] = [];
  const onBroker: Backfilled[] = [];
  const { directory } = await stage.repository(stage.texts);
  for (let round = 0; round < ROUNDS; round += 1) {
    embedded.push(await stage.cold(stage.texts, {}));
    // A broker that has kept nothing of the round before.
    onBroker.push(...(await onKafka(directory, async (env) => [await stage.cold(stage.texts, env)])));
  }
  if (onBroker.length === 0) return [];
  const ratio = rate(onBroker) / rate(embedded);
  return [
    {
      name: 'cold backfill on Kafka',
      value: rate(onBroker),
      unit: 'chunks/s',
      ratio: { value: ratio, to: 'all embedded' },
    },
    { name: 'cold backfill on Kafka: of the embedded rate', value: ratio, unit: '×', aim: { atLeast: 0.7 } },
    {
      name: 'cold backfill on Kafka: processor, without the broker',
      value: processor(onBroker),
      unit: 'µs a chunk',
      ratio: { value: processor(onBroker) / processor(embedded), to: 'all embedded' },
    },
  ];
};

const sum = (of: readonly Backfilled[], value: (one: Backfilled) => number) =>
  of.reduce((total, one) => total + value(one), 0);
const chunks = ({ report }: Backfilled) => report.chunks;
const rate = (of: readonly Backfilled[]) => sum(of, chunks) / sum(of, ({ seconds }) => seconds);
const processor = (of: readonly Backfilled[]) =>
  (sum(of, ({ processorSeconds }) => processorSeconds) * 1_000_000) / sum(of, chunks);
