/**
 * npm run trial -- outage --away 120            the broker is killed amid a backfill, and stays away for two minutes
 * npm run trial -- outage store --away 120      the store is away, then answers 500, then does all and answers nothing
 *
 * The run has to end by itself, with every document embedded once and nothing set aside. The store is the Qdrant that is
 * found (QDRANT_URL, QDRANT_BIN), else the embedded one over loopback.
 */
import { parseArgs } from 'node:util';
import { SECOND } from '../../../src/units.ts';
import { findQdrant } from '../../support/qdrant-server.ts';
import { brokerOutage } from './broker.ts';
import { storeOutage } from './store.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { away: { type: 'string', default: '120' }, files: { type: 'string', default: '1500' } },
});
const files = Number(values.files);
const awayMs = Number(values.away) * SECOND;
const [what = 'broker'] = positionals;

const ofStore = async () => {
  const found = await findQdrant();
  if ('missing' in found) return { on: 'the embedded store', ms: await storeOutage({ files, awayMs }) };
  try {
    return { on: found.what, ms: await storeOutage({ files, awayMs, qdrant: found.address }) };
  } finally {
    await found.stop();
  }
};

if (what !== 'broker' && what !== 'store') throw new Error(`there is no outage of ${what}; there are broker and store`);
const { on, ms } = what === 'store' ? await ofStore() : { on: 'Kafka', ms: await brokerOutage({ files, awayMs }) };
console.log(
  `${files} documents on ${on}, ${values.away} s away: each embedded once, nothing set aside, ${(ms / SECOND).toFixed(1)} s in all`,
);
