/**
 * npm run bench -- [--quick] [--json] [PART...]     all parts, or those that are named
 * npm run bench -- PROGRAM [OPTION...]              one that is measured alone: ALONE, below
 *
 * The executable as it is installed, on generated repositories in a temporary directory (TMPDIR). What each part
 * measures and what came out: bench/README.md.
 */
import { parseArgs } from 'node:util';
import { type Figure, holds, table } from './figures.ts';
import { machine, machineText } from './machine.ts';
import { backfill } from './parts/backfill.ts';
import { chunking } from './parts/chunking.ts';
import { embedders } from './parts/embedders.ts';
import { kafka } from './parts/kafka.ts';
import { latency } from './parts/latency.ts';
import { memory } from './parts/memory.ts';
import { pushes } from './parts/pushes.ts';
import { search } from './parts/search.ts';
import { unchanged } from './parts/unchanged.ts';
import { openStage, type Stage } from './stage.ts';

const PARTS: Readonly<Record<string, (stage: Stage) => Promise<readonly Figure[]>>> = {
  backfill,
  search,
  latency,
  memory,
  unchanged,
  chunking,
  embedders,
  kafka,
  pushes,
};

/** What is measured alone, with options of its own. */
const ALONE: Readonly<Record<string, () => Promise<unknown>>> = {
  retrieval: () => import('./retrieval/main.ts'),
  http: () => import('./alone/http.ts'),
  static: () => import('./alone/static.ts'),
  chunker: () => import('./alone/chunker.ts'),
  store: () => import('./alone/store.ts'),
  log: () => import('./alone/log.ts'),
};

const alone = process.argv[2] ?? '';
if (Object.hasOwn(ALONE, alone)) {
  process.argv.splice(2, 1);
  await ALONE[alone]?.();
  process.exit();
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false }, json: { type: 'boolean', default: false } },
});
const unknown = positionals.find((name) => !Object.hasOwn(PARTS, name));
if (unknown !== undefined)
  throw new Error(
    `there is no part ${unknown}; there are ${[...Object.keys(PARTS), ...Object.keys(ALONE)].join(', ')}`,
  );

const stands = await machine();
if (!values.json) console.log(`${machineText(stands)}${values.quick ? '; a twentieth of the size' : ''}\n`);
const stage = await openStage(values.quick);
const figures: (Figure & { readonly part: string })[] = [];
try {
  for (const [part, measure] of Object.entries(PARTS)) {
    if (positionals.length > 0 && !positionals.includes(part)) continue;
    console.error(`${part}…`);
    for (const figure of await measure(stage)) figures.push({ part, ...figure });
  }
} finally {
  await stage.close();
}
if (values.json) {
  console.log(
    JSON.stringify({
      quick: values.quick,
      machine: stands,
      figures: figures.map((one) => ({ ...one, holds: holds(one) })),
    }),
  );
} else console.log(table(figures));
