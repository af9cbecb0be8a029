/**
 * How well search finds what a question is about.
 *
 *   npm run bench -- retrieval [SET...] [--repositories DIR] [--embedder KIND]... [--tokens N]... [--at COMMIT]
 *                              [--questions] [--check | --record]
 *
 * Sets are the files of `sets/`. That over this repository is always asked; the others where a clone of their repository
 * stands in DIR (`../repositories`) and has their commit. `--embedder` and `--tokens` may be given several times; an
 * embedder with options is written as in a configuration, `{ kind: hash, dimensions: 256 }`. `--at` asks about another
 * commit than the set's, such as HEAD, without the questions whose answers have moved. `--questions` prints each question's place. `--check` fails when hybrid search of
 * a set is worse than `baseline.json` says, which `--record` writes.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parse } from 'yaml';
import { type EmbedderOptions, embedderSchema } from '../../src/config/embedder.ts';
import { documentTerms, queryTerms } from '../../src/lexical/terms.ts';
import type { Parts } from '../../src/parts.ts';
import { parseDocument } from '../../src/records.ts';
import { candidates, search } from '../../src/search/search.ts';
import { activeGeneration } from '../../src/state/generations.ts';
import { type Indexed, indexed } from './indexed.ts';
import { DEPTH, type Listed, type Measures, meanOf, measured } from './measures.ts';
import { type Answer, answersOf, type Question, type QuestionSet, readSet } from './questions.ts';

const here = fileURLToPath(new URL('.', import.meta.url));
const root = fileURLToPath(new URL('../..', import.meta.url));
const BASELINE = join(here, 'baseline.json');
/** Rounding, and nothing else: one question's place moves the mean by more. */
const SLACK = 0.0005;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    repositories: { type: 'string', default: join(root, '..', 'repositories') },
    embedder: { type: 'string', multiple: true, default: ['static'] },
    tokens: { type: 'string', multiple: true, default: ['256'] },
    at: { type: 'string' },
    questions: { type: 'boolean', default: false },
    check: { type: 'boolean', default: false },
    record: { type: 'boolean', default: false },
  },
});

/** `fused` is hybrid before its hits are put in another order. */
const WAYS = ['dense', 'lexical', 'fused', 'hybrid'] as const;
type Way = (typeof WAYS)[number];
type Asked = Question & { readonly set: string; readonly of: Readonly<Record<Way, Measures>> };

const listed = async (parts: Parts, way: Way, text: string): Promise<readonly Listed[]> => {
  if (way !== 'fused') return (await search(parts, { text, mode: way, limit: DEPTH })).hits;
  const generation = (await activeGeneration(parts)) ?? '';
  const found = await candidates(parts, generation, { text, mode: 'hybrid', limit: DEPTH });
  return found.map(({ point }) => ({ ...point, path: parseDocument(point.document).path, copies: [] }));
};

/** Kinds whose questions have no word of their answers, nor of the paths that these stand at. */
const OTHER_WORDS = new Set(['paraphrase', 'jargon', 'everyday']);

const checkOtherWords = ({ ask }: Question, answers: readonly Answer[], read: Indexed['read']): void => {
  for (const { path, startLine, endLine } of answers) {
    const lines = (read(path) ?? '').split('\n').slice(startLine - 1, endLine);
    const terms = new Set(documentTerms(lines.join('\n'), path).ids);
    const shared = ask.split(/\s+/).filter((word) => [...queryTerms(word)].some((term) => terms.has(term)));
    if (shared.length > 0) throw new Error(`"${ask}" shares ${shared.join(', ')} with ${path}:${startLine}-${endLine}`);
  }
};

/** At another commit than the set's, what has moved since is left out, and said. */
const answersAt = (question: Question, read: Indexed['read']): readonly Answer[] | undefined => {
  try {
    return answersOf(question, read);
  } catch (error) {
    if (values.at === undefined) throw error;
    console.log(`left out: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
};

const askAll = async (set: QuestionSet, { parts, read }: Indexed): Promise<readonly Asked[]> => {
  const asked: Asked[] = [];
  for (const question of set.questions) {
    const answers = answersAt(question, read);
    if (!answers) continue;
    if (OTHER_WORDS.has(question.kind) && values.at === undefined) checkOtherWords(question, answers, read);
    const of = {} as Record<Way, Measures>;
    for (const way of WAYS) of[way] = measured(await listed(parts, way, question.ask), answers);
    asked.push({ ...question, set: set.name, of });
    if (!values.questions) continue;
    const places = WAYS.map((way) => (of[way].mrr > 0 ? `${Math.round(1 / of[way].mrr)}` : '-').padStart(4)).join('');
    console.log(`${places}  ${question.kind.padEnd(10)} ${question.ask}`);
  }
  return asked;
};

const FIGURES = ['recall5', 'recall10', 'mrr', 'ndcg'] as const;
const HEAD = ['recall@5', 'recall@10', 'MRR@10', 'nDCG@10'];

const printTable = (asked: readonly Asked[]): void => {
  console.log(`${''.padEnd(24)}${''.padEnd(9)}${HEAD.map((name) => name.padStart(10)).join('')}`);
  const kinds = [...new Set(asked.map(({ kind }) => kind))];
  for (const kind of [...kinds, undefined]) {
    const some = kind === undefined ? asked : asked.filter((one) => one.kind === kind);
    WAYS.forEach((way, at) => {
      const mean = meanOf(some.map(({ of }) => of[way]));
      const figures = FIGURES.map((figure) => mean[figure].toFixed(3).padStart(10)).join('');
      console.log(`${(at === 0 ? `${kind ?? 'all'} (${some.length})` : '').padEnd(24)}${way.padEnd(9)}${figures}`);
    });
  }
  console.log('');
};

const cloneOf = ({ repository }: QuestionSet): string =>
  repository === undefined ? root : join(values.repositories, basename(repository, '.git'));

const sets = readdirSync(join(here, 'sets'))
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => readSet(join(here, 'sets', name)))
  .filter(({ name }) => positionals.length === 0 || positionals.includes(name));

const runSet = async (set: QuestionSet, embedder: EmbedderOptions, tokens: number): Promise<readonly Asked[]> => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-retrieval-'));
  try {
    const commit = values.at ?? set.commit;
    const began = performance.now();
    const index = await indexed({
      repository: cloneOf(set),
      commit,
      exclude: set.exclude,
      embedder,
      tokens,
      directory,
    });
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    console.log(
      `${set.name} at ${commit.slice(0, 12)}: ${index.chunks} chunks in ${seconds} s (weights ${set.weights})`,
    );
    const asked = await askAll(set, index);
    await index.close();
    printTable(asked);
    return asked;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
};

const missing = sets.filter((set) => !existsSync(cloneOf(set)));
for (const set of missing) console.log(`left out: ${set.name}, no clone of ${set.repository} at ${cloneOf(set)}\n`);

const results: Record<string, Record<string, Measures>> = {};
for (const written of values.embedder) {
  for (const tokens of values.tokens.map(Number)) {
    const embedder = embedderSchema.parse(written.includes(':') ? parse(written) : { kind: written });
    const setting = `${written}, ${tokens} tokens`;
    console.log(`== ${setting}\n`);
    const asked: Asked[] = [];
    for (const set of sets.filter((one) => !missing.includes(one))) {
      const some = await runSet(set, embedder, tokens);
      results[setting] = { ...results[setting], [set.name]: meanOf(some.map(({ of }) => of.hybrid)) };
      asked.push(...some);
    }
    if (new Set(asked.map(({ set }) => set)).size > 1) {
      console.log('all sets');
      printTable(asked);
    }
  }
}

if (values.record) writeFileSync(BASELINE, `${JSON.stringify(results, null, 2)}\n`);
if (values.check) {
  const baseline: typeof results = JSON.parse(readFileSync(BASELINE, 'utf8'));
  const worse: string[] = [];
  let compared = 0;
  for (const [setting, ofSets] of Object.entries(results)) {
    for (const [set, now] of Object.entries(ofSets)) {
      const before = baseline[setting]?.[set];
      if (!before) continue;
      compared += 1;
      for (const figure of FIGURES)
        if (now[figure] < before[figure] - SLACK)
          worse.push(`${set}, ${setting}: ${figure} ${now[figure].toFixed(3)}, was ${before[figure].toFixed(3)}`);
    }
  }
  if (compared === 0) worse.push('nothing of this is in baseline.json');
  for (const line of worse) console.error(line);
  process.exitCode = worse.length > 0 ? 1 : 0;
}
