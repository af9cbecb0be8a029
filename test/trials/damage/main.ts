/**
 * npm run trial -- damage --rounds 100 --seed 1     each round damages one file of a data directory
 * npm run trial -- damage --from 8 --rounds 8 --seed 3    one of those rounds alone
 *
 * `verify` has to tell it, by name and with the remedy, or everything is found as before; then the remedy that
 * it names has to mend it, so that `verify` finds no difference and searches find what they found before.
 */
import { cp, readdir, rm, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { MAX_LIMIT } from '../../../src/api/schemas.ts';
import { buildExecutable, type Ended } from '../../support/executable.ts';
import { makeRepository } from '../../support/repository.ts';
import { random } from '../sim/random.ts';
import { type Act, blank, cut, flip, remove } from './acts.ts';

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '100' },
    seed: { type: 'string', default: '1' },
    files: { type: 'string', default: '40' },
    from: { type: 'string', default: '1' },
  },
});
const [from, rounds] = [Number(values.from), Number(values.rounds)];
const [seed, files] = [Number(values.seed), Number(values.files)];
const ACTS: readonly Act[] = [flip, flip, flip, blank, cut, remove];
const QUESTIONS = ['tides of the harbour', 'harbour number 7', 'lighthouse'];
const OK = 0;

interface Answer {
  readonly hits: readonly { path: string; startLine: number; score: number; text: string }[];
  readonly next: number | null;
}

const contentOf = (file: number) =>
  `# Harbour ${file}\n\n${Array.from({ length: 30 }, (_, line) => `Line ${line}: the tides of harbour number ${file}.`).join('\n')}\n`;

const tidemark = buildExecutable();
const repository = await makeRepository();
const data = join(repository.directory, '.data');
const kept = join(repository.directory, '.kept');
const tide = (...args: string[]): Promise<Ended> => tidemark.run(repository.directory, args, { TIDEMARK_DATA: data });

const filesIn = async (directory: string): Promise<string[]> => {
  const found: string[] = [];
  for (const entry of await readdir(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) found.push(...(await filesIn(path)));
    // Nobody misses an empty file, nor who had the lock.
    else if (!/^(?:lock\.|\.gitignore)/.test(entry.name) && (await stat(path)).size > 0) found.push(path);
  }
  return found.sort();
};

/**
 * All hits of each arm with their scores, in whatever order. A hybrid search makes scores of places in a list, and a
 * limit cuts it: both say what chance said of hits that are as good as each other.
 */
const found = async (): Promise<ReadonlySet<string>> => {
  const answers = new Set<string>();
  for (const question of QUESTIONS)
    for (const mode of ['dense', 'lexical'])
      for (let offset: number | null = 0; offset !== null; ) {
        const options = ['--mode', mode, '--limit', `${MAX_LIMIT}`, '--offset', `${offset}`, '--json'];
        const { code, stdout, stderr } = await tide('search', question, ...options);
        if (code !== OK) return answers.add(`${mode} ${question}: search ended with ${code}: ${stderr}`);
        const { hits, next } = JSON.parse(stdout) as Answer;
        for (const { path, startLine, score, text } of hits)
          answers.add(`${mode} ${question}: ${path}:${startLine} ${score} ${JSON.stringify(text)}`);
        offset = next;
      }
  return answers;
};

const SHOWN = 5;

/** Nothing where both are the same; else the first hits that only one of them has. */
const differences = (before: ReadonlySet<string>, now: ReadonlySet<string>): string => {
  const only = (sign: string, some: ReadonlySet<string>, others: ReadonlySet<string>) => {
    const lines = [...some].filter((line) => !others.has(line)).map((line) => `\n  ${sign} ${line.slice(0, 200)}`);
    return lines.length > SHOWN ? [...lines.slice(0, SHOWN), `\n  ${sign} ${lines.length - SHOWN} more`] : lines;
  };
  return [...only('-', before, now), ...only('+', now, before)].join('');
};

/** Whoever ends by a signal, or an abort, says nothing that helps. */
const died = ({ code, stderr }: Ended) => code === null || code >= 128 || /panicked/.test(stderr);

let wrong = 0;
let told = 0;
try {
  await repository.commit({
    files: Array.from({ length: files }, (_, file) => [`docs/${file}.md`, contentOf(file)] as const),
  });
  const filled = await tide('backfill');
  if (filled.code !== OK) throw new Error(`backfill ended with ${filled.code}: ${filled.stderr}`);
  const before = await found();
  await rm(kept, { recursive: true, force: true });
  await cp(data, kept, { recursive: true });
  const all = await filesIn(kept);
  for (let round = from; round <= rounds; round += 1) {
    const chance = random(seed * 1_000_003 + round);
    await rm(data, { recursive: true });
    await cp(kept, data, { recursive: true });
    // Half of the rounds meet the store, whose file is one of many.
    const name = relative(
      kept,
      chance.chance(0.5) ? (all.find((file) => file.endsWith('store.db')) ?? '') : chance.pick(all),
    );
    const what = `round ${round}: ${name} ${await chance.pick(ACTS)(join(data, name), chance)}`;
    const say = (why: string) => {
      wrong += 1;
      console.log(`${what}: ${why}`);
    };
    const first = await tide('verify');
    if (died(first)) say(`verify died: ${first.code} ${first.stderr.slice(0, 300)}`);
    if (first.code === OK) {
      const other = differences(before, await found());
      if (other !== '') say(`verify tells no difference, and searches find something else:${other}`);
    } else {
      told += 1;
      const said = `${first.stdout}${first.stderr}`;
      // What is lost as a whole, so that nothing contradicts anything, is what differs from the sources.
      const remedy = said.includes('tidemark rebuild') ? ['rebuild', '--yes'] : ['verify', '--repair'];
      if (!said.includes(`tidemark ${remedy[0]}`)) say(`names no remedy: ${said}`);
      const mended = await tide(...remedy);
      if (remedy[0] === 'rebuild' && mended.code !== OK)
        say(`rebuild ended with ${mended.code}: ${mended.stdout}${mended.stderr}`);
      const second = await tide('verify');
      if (second.code !== OK)
        say(`verify after ${remedy.join(' ')} ended with ${second.code}: ${second.stdout}${second.stderr}`);
      const other = differences(before, await found());
      if (other !== '') say(`searches find something else after ${remedy.join(' ')}:${other}`);
    }
    if (process.stderr.isTTY) process.stderr.write(`\r${round} of ${rounds} rounds`);
  }
  const count = rounds - from + 1;
  console.log(`${count} rounds, ${told} told and rebuilt, ${count - told} harmless, ${wrong} wrong`);
  process.exitCode = wrong > 0 ? 1 : 0;
} finally {
  await tidemark.remove();
  await repository.remove();
}
