/**
 * npm run trial -- kill --rounds 100 --seed 1     each round changes 300 of 2,500 files and kills a backfill with -9
 *
 * At the end the index has to be what git says, and the last run's figures have to add up.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { buildExecutable } from '../../support/executable.ts';
import { listed, makeRepository } from '../../support/repository.ts';
import { random } from '../sim/random.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    files: { type: 'string', default: '2500' },
    changed: { type: 'string', default: '300' },
  },
});
const [rounds, files, changed] = [Number(values.rounds), Number(values.files), Number(values.changed)];
const chance = random(Number(values.seed));
const KILL_MS = { from: 50, until: 2_000 };

const contentOf = (file: number, version: number) =>
  `# File ${file}\n\n${Array.from({ length: 20 }, (_, line) => `Line ${line} of ${file}, version ${version}.`).join('\n')}\n`;
const pathOf = (file: number) => `folder-${file % 50}/file-${file}.md`;

const tidemark = buildExecutable();
const repository = await makeRepository();
try {
  const all = Array.from({ length: files }, (_, file) => [pathOf(file), contentOf(file, 0)] as const);
  await repository.commit({ files: all });
  let killed = 0;
  for (let round = 1; round <= rounds; round += 1) {
    const some = new Map<string, string | null>();
    while (some.size < changed) {
      const file = chance.below(files);
      some.set(pathOf(file), chance.chance(0.1) ? null : contentOf(file, round));
    }
    await repository.commit({ files: some });
    const backfill = tidemark.start(repository.directory, ['backfill']);
    await sleep(KILL_MS.from + chance.below(KILL_MS.until - KILL_MS.from));
    if (backfill.child.exitCode === null) killed += 1;
    backfill.child.kill('SIGKILL');
    await backfill.ended;
    if (process.stderr.isTTY) process.stderr.write(`\r${round} of ${rounds} rounds`);
  }

  const { stdout, stderr } = await tidemark.run(repository.directory, ['backfill', '--json']);
  if (stdout === '') throw new Error(`the last backfill reports nothing: ${stderr}`);
  const report = JSON.parse(stdout);
  const verified = JSON.parse((await tidemark.run(repository.directory, ['verify', '--json'])).stdout);
  const documents = (await tidemark.run(repository.directory, ['documents', '--json'])).stdout;
  const index = documents
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
    .map(({ path, blob }) => `${path} ${blob}`);
  const tree = [...(await listed(repository, 'main'))].map(([path, { blob }]) => `${path} ${blob}`);
  const { planned, indexed, skipped, deleted, failed, superseded } = report;
  const wrong = [
    ...(planned === indexed + skipped + deleted + failed + superseded ? [] : [`the report does not add up: ${stdout}`]),
    ...(verified.differences.length === 0 ? [] : [`verify: ${JSON.stringify(verified.differences.slice(0, 5))}`]),
    ...(index.sort().join('\n') === tree.sort().join('\n') ? [] : [`index has ${index.length}, git ${tree.length}`]),
  ];
  for (const one of wrong) console.log(one);
  console.log(`${rounds} rounds, ${killed} killed at work, ${tree.length} files, ${wrong.length} wrong`);
  process.exitCode = wrong.length > 0 ? 1 : 0;
} finally {
  await tidemark.remove();
  await repository.remove();
}
