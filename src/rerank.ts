/**
 * Puts what search has found into the order in which a reader of code wants it, by rules and without a model: what
 * defines the asked name first, files that are called so, files with several hits; tests, examples and vendored copies
 * after the thing itself; the same text once; no file more than its share. It knows nothing of the store. What the
 * rules weigh was chosen on some repositories and tried on others: bench/README.md.
 */
import { definedNames } from './definitions.ts';
import type { Hit } from './ports.ts';
import { type Question, questionOf, stemsOf } from './question.ts';
import { type DocumentId, parseDocument } from './records.ts';

export interface Weights {
  /** What a chunk is worth, times this, that defines a name which was asked for. */
  readonly definition: number;
  /** That defines a name all of whose parts stand in the question. */
  readonly namedAlike: number;
  /** Of a file, all of whose name's parts stand in the question; in proportion if only some do. */
  readonly path: number;
  /** For each further hit in the same file, in proportion to what it is worth beside the best. */
  readonly company: number;
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
  /** Hits with the same text, on other branches or in copies of the file; best first. */
  readonly copies: readonly Hit[];
}

interface Candidate {
  readonly hit: Hit;
  readonly copies: Hit[];
  readonly id: DocumentId;
  /** Before the rules that look at others. */
  readonly own: number;
}

export const rerank = (text: string, hits: readonly Hit[], limit: number, weights = WEIGHTS): readonly Ranked[] => {
  const question = questionOf(text);
  const best = hits[0]?.score ?? 0;
  if (best <= 0) return hits.slice(0, limit).map((hit) => ({ ...hit, copies: [] }));
  const candidates = folded(hits).map(({ hit, copies }): Candidate => {
    const id = parseDocument(hit.point.document);
    return { hit, copies, id, own: (hit.score / best) * factorOf(question, hit, id.path, weights) };
  });
  return shared(withCompany(candidates, weights), weights)
    .slice(0, limit)
    .map(({ hit, copies, score }) => ({ ...hit, copies, score }));
};

/** The same text is one hit: of the copies the one that search found first. */
const folded = (hits: readonly Hit[]): { readonly hit: Hit; readonly copies: Hit[] }[] => {
  const first = new Map<string, { readonly hit: Hit; readonly copies: Hit[] }>();
  for (const hit of hits) {
    const text = essence(hit.point.text);
    const known = first.get(text);
    if (known) known.copies.push(hit);
    else first.set(text, { hit, copies: [] });
  }
  return [...first.values()];
};

/** Indentation, line breaks and case do not make another text. */
const essence = (text: string): string => text.toLowerCase().replace(/\s+/g, ' ').trim();

const ASIDE =
  /(?:^|\/)(?:_?_?tests?_?_?|specs?|testing|testdata|fixtures?|mocks?|__mocks__|_?examples?|samples?|demos?|playground|bench(?:marks?)?|compat|legacy|deprecated)\/|(?:^|[/._-])(?:test|spec|bench|mock|example)s?[._-][^/]*$|[._-](?:tests?|specs?|bench|mocks?)\.[^/]+$|(?:^|\/)(?:changelog|changes|history|news)(?:\.[^/]*)?$|[a-z](?:Test|Tests|Spec)\.[^/]+$/i;
const ASKS_ASIDE =
  /\b(?:tests?|testing|tested|specs?|fixtures?|mocks?|examples?|samples?|demos?|bench(?:mark)?s?|changelog|changes|deprecated|legacy)\b/i;
const VENDORED = /(?:^|\/)(?:vendor|vendored|third[_-]?party|node_modules|external|extern|deps|_vendor)\//i;

const factorOf = (question: Question, { point }: Hit, path: string, weights: Weights): number => {
  let factor = 1;
  const names = definedNames(point.text);
  if (names.some((name) => question.symbols.has(name.toLowerCase()))) factor *= weights.definition;
  else if (names.some((name) => isNamedAlike(question, name))) factor *= weights.namedAlike;
  factor *= 1 + weights.path * pathShare(question, path);
  if (!ASKS_ASIDE.test(question.text) && ASIDE.test(path)) factor *= weights.aside;
  if (VENDORED.test(path)) factor *= weights.vendored;
  return factor;
};

const isNamedAlike = ({ stems }: Question, name: string): boolean => {
  const parts = stemsOf(name);
  return parts.length > 1 && parts.every((part) => stems.has(part));
};

/** How much of the file's own name stands in the question. */
const pathShare = ({ stems }: Question, path: string): number => {
  const file = path.slice(path.lastIndexOf('/') + 1);
  const parts = stemsOf(file.replace(/\.[^.]*$/, ''));
  return parts.length === 0 ? 0 : parts.filter((part) => stems.has(part)).length / parts.length;
};

interface Scored extends Candidate {
  readonly score: number;
}

/** Several hits in a file say that it is what the file is about; each adds to the file's best one alone. */
const withCompany = (candidates: readonly Candidate[], { company }: Weights): readonly Scored[] => {
  const files = new Map<string, { best: Candidate; sum: number }>();
  for (const candidate of candidates) {
    const { document } = candidate.hit.point;
    const file = files.get(document);
    if (!file) files.set(document, { best: candidate, sum: candidate.own });
    else {
      file.sum += candidate.own;
      if (candidate.own > file.best.own) file.best = candidate;
    }
  }
  const most = Math.max(...[...files.values()].map(({ best, sum }) => sum - best.own), Number.MIN_VALUE);
  return candidates.map((candidate) => {
    const file = files.get(candidate.hit.point.document);
    const share = file?.best === candidate ? (file.sum - candidate.own) / most : 0;
    return { ...candidate, score: candidate.own * (1 + company * share) };
  });
};

/** Best first; each further chunk of a file counts for less, so that no file fills the page. */
const shared = (scored: readonly Scored[], { repeated }: Weights): readonly Scored[] => {
  const before = new Map<string, number>();
  return bestFirst(scored)
    .map((candidate) => {
      const { document } = candidate.hit.point;
      const count = before.get(document) ?? 0;
      before.set(document, count + 1);
      return { ...candidate, score: candidate.score * repeated ** count };
    })
    .toSorted((a, b) => b.score - a.score);
};

const bestFirst = (scored: readonly Scored[]) => scored.toSorted((a, b) => b.score - a.score);
