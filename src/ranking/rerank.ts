/**
 * Puts what search has found into the order in which a reader of code wants it, by rules and without a model: what
 * defines the asked name first, files that are called so, files with several hits; tests, examples and vendored copies
 * after the thing itself; the same text once; no file more than its share. It knows nothing of the store. What the
 * rules weigh was chosen on some repositories and tried on others: bench/README.md.
 */

import { definedNames } from '../lexical/definitions.ts';
import type { Hit } from '../ports.ts';
import { parseDocument } from '../records.ts';
import { type Question, questionOf, stemsOf } from './question.ts';

export interface Weights {
  /** What a chunk is worth, times this, that defines a name which was asked for. */
  readonly definition: number;
  /** That defines a name all of whose parts stand in the question. */
  readonly namedAlike: number;
  /** Of a file, all of whose name's parts stand in the question; in proportion if only some do. */
  readonly path: number;
  /** The best chunk of a file gains so much where the file has most other hits; in proportion elsewhere. */
  readonly company: number;
  /** Tests, examples, benchmarks, change logs: unless the question asks for such. */
  readonly aside: number;
  readonly vendored: number;
  /** For each chunk of the same file that stands before it. */
  readonly repeated: number;
}

export const WEIGHTS: Weights = {
  definition: 4,
  namedAlike: 1.3,
  path: 0.2,
  company: 0.1,
  aside: 0.5,
  vendored: 0.3,
  repeated: 0.8,
};

export interface Ranked extends Hit {
  /** Hits with almost the same text, on other branches or in copies of the file; best first. */
  readonly copies: readonly Hit[];
}

export const rerank = (text: string, hits: readonly Hit[], limit: number, weights = WEIGHTS): readonly Ranked[] => {
  const question = questionOf(text);
  const best = hits[0]?.score ?? 1;
  const judged = hits.map((hit): Hit => {
    const { path } = parseDocument(hit.point.document);
    return { point: hit.point, score: (hit.score / best) * factorOf(question, hit, path, weights) };
  });
  return spread(withCompany(folded(bestFirst(judged)), weights), weights).slice(0, limit);
};

const bestFirst = <T extends Hit>(hits: readonly T[]): readonly T[] => hits.toSorted((a, b) => b.score - a.score);

const ASIDE_FOLDER =
  /(?:^|\/)(?:_?_?tests?_?_?|specs?|testing|testdata|fixtures?|_?_?mocks?_?_?|_?examples?|samples?|demos?|playground|bench(?:marks?)?|compat|legacy|deprecated)\//i;
const ASIDE_FILE =
  /^(?:test|spec|bench|mock)s?[._-]|[._-](?:tests?|specs?|bench|mocks?)\.|^(?:CHANGE(?:LOG|S)|HISTORY|NEWS|[Cc]hange(?:log|s)|[Hh]istory)(?:\.|$)|[a-z](?:Tests?|Spec)\./;
const ASKS_ASIDE =
  /\b(?:tests?|testing|tested|specs?|fixtures?|mocks?|examples?|samples?|demos?|bench(?:mark)?s?|changelog|changes|deprecated|legacy)\b/i;
const VENDORED = /(?:^|\/)(?:vendor|vendored|third[_-]?party|node_modules|external|extern|deps|_vendor)\//i;

const factorOf = (question: Question, { point }: Hit, path: string, weights: Weights): number => {
  let factor = 1;
  const names = definedNames(point.text);
  if (names.some((name) => question.symbols.has(name.toLowerCase()))) factor *= weights.definition;
  else if (names.some((name) => isNamedAlike(question, name))) factor *= weights.namedAlike;
  factor *= 1 + weights.path * pathShare(question, path);
  if (isAside(path) && !ASKS_ASIDE.test(question.text)) factor *= weights.aside;
  if (VENDORED.test(path)) factor *= weights.vendored;
  return factor;
};

const fileOf = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

const isAside = (path: string): boolean => ASIDE_FOLDER.test(path) || ASIDE_FILE.test(fileOf(path));

const isNamedAlike = ({ stems }: Question, name: string): boolean => {
  const parts = stemsOf(name);
  return parts.length > 1 && parts.every((part) => stems.has(part));
};

/** How much of the file's own name stands in the question. */
const pathShare = ({ stems }: Question, path: string): number => {
  const parts = stemsOf(fileOf(path).replace(/\.[^.]*$/, ''));
  return parts.length === 0 ? 0 : parts.filter((part) => stems.has(part)).length / parts.length;
};

/** So much of the lines of two chunks has to be the same for one to be the other's copy. */
const SAME = 0.8;

/** Almost the same text is one hit: of the copies the one that is worth most. */
const folded = (hits: readonly Hit[]): readonly Ranked[] => {
  const kept: { readonly hit: Hit; readonly lines: number; readonly copies: Hit[] }[] = [];
  const having = new Map<string, number[]>();
  for (const hit of hits) {
    const lines = linesOf(hit.point.text);
    const shared = new Map<number, number>();
    for (const line of lines) for (const at of having.get(line) ?? []) shared.set(at, (shared.get(at) ?? 0) + 1);
    const original = [...shared].find(([at, count]) => count >= SAME * Math.max(lines.size, kept[at]?.lines ?? 0));
    if (original) {
      kept[original[0]]?.copies.push(hit);
      continue;
    }
    for (const line of lines) having.set(line, [...(having.get(line) ?? []), kept.length]);
    kept.push({ hit, lines: lines.size, copies: [] });
  }
  return kept.map(({ hit, copies }) => ({ ...hit, copies }));
};

const linesOf = (text: string): ReadonlySet<string> =>
  new Set(text.split('\n').flatMap((line) => (line.trim() === '' ? [] : [line.trim()])));

/** Several hits in a file say that it is what the file is about: the best one of a file gains by the others. */
const withCompany = (hits: readonly Ranked[], { company }: Weights): readonly Ranked[] => {
  const others = new Map<string, number>();
  const first = new Set<Ranked>();
  for (const hit of hits) {
    const { document } = hit.point;
    const sum = others.get(document);
    if (sum === undefined) first.add(hit);
    others.set(document, sum === undefined ? 0 : sum + hit.score);
  }
  const most = Math.max(...others.values()) || 1;
  return hits.map((hit) =>
    first.has(hit)
      ? { ...hit, score: hit.score * (1 + (company * (others.get(hit.point.document) ?? 0)) / most) }
      : hit,
  );
};

/** What a file may have before all others have had their turn. */
const MOST_OF_A_FILE = 3;

/** Each further chunk of a file counts for less, and beyond some they stand behind all others. */
const spread = (hits: readonly Ranked[], { repeated }: Weights): readonly Ranked[] => {
  const before = new Map<string, number>();
  const counted = bestFirst(hits).map((hit) => {
    const count = before.get(hit.point.document) ?? 0;
    before.set(hit.point.document, count + 1);
    return { count, hit: { ...hit, score: hit.score * repeated ** count } };
  });
  const of = (late: boolean) => counted.flatMap(({ count, hit }) => (count >= MOST_OF_A_FILE === late ? [hit] : []));
  return [...bestFirst(of(false)), ...bestFirst(of(true))];
};
