/** What a backfill would be, without doing it: all trees are compared, and a sample of what differs is converted and cut. */
import { createHash } from 'node:crypto';
import { asking } from '../calls/source.ts';
import type { Price } from '../embedders/prices.ts';
import { DeadLetter } from '../errors.ts';
import { reasonToSkip } from '../operators/fetch.ts';
import type { Parts } from '../parts.ts';
import type { TreeEntry } from '../ports.ts';
import { parseDocument } from '../records.ts';
import { activeGeneration } from '../state/generations.ts';
import { SECOND } from '../units.ts';
import type { InTree } from './differences.ts';
import { expandScope } from './scope.ts';
import { treePages } from './trees.ts';

const MILLION = 1_000_000;
const SAMPLE_FILES = 200;
/** Enough to tell the rate, and not more than that. */
const SAMPLE_TEXTS = 64;

export interface Estimate {
  readonly files: number;
  readonly unchanged: number;
  /** So many of the files were converted and cut; the rest is taken to be like them. */
  readonly sampled: number;
  /** To be embedded: those whose content has a vector already are not. */
  readonly chunks: number;
  /** At most. */
  readonly tokens: number;
  /** `null` where trying it out would cost something. */
  readonly seconds: number | null;
  readonly cost: { readonly amount: number; readonly currency: string } | null;
}

export interface EstimateOptions {
  /** By whose shape it is cut and embedded. */
  readonly generation: string;
  readonly price: Price | undefined;
}

export const estimateOf = async (
  parts: Parts,
  scope: readonly string[],
  { generation, price }: EstimateOptions,
): Promise<Estimate> => {
  const sample: InTree[] = [];
  let [files, unchanged] = [0, 0];
  for (const ref of await expandScope(parts, scope)) {
    for await (const page of treePages(parts, ref)) {
      const differing = await differingOf(parts, page);
      unchanged += page.length - differing.length;
      for (const one of differing) {
        files += 1;
        // Each file is as likely to be in the sample as any other, however many there are.
        const place = files <= SAMPLE_FILES ? files - 1 : Math.floor(parts.time.random() * files);
        if (place < SAMPLE_FILES) sample[place] = one;
      }
    }
  }
  const cut = await cutSample(parts, sample, generation);
  const share = sample.length === 0 ? 0 : files / sample.length;
  const [chunks, tokens] = [Math.round(cut.texts.length * share), Math.round(cut.tokens * share)];
  const embedMs = price?.perMillionTokens === 0 ? await embedTime(parts, cut, generation) : undefined;
  // Cutting and embedding go on side by side.
  const seconds = embedMs === undefined ? null : (Math.max(cut.ms, embedMs) * share) / SECOND;
  const cost = price ? { amount: (tokens / MILLION) * price.perMillionTokens, currency: price.currency } : null;
  return { files, unchanged, sampled: sample.length, chunks, tokens, seconds, cost };
};

/** Those that a plan would not leave alone. */
const differingOf = async (
  { state, store, rules, ...parts }: Parts,
  page: readonly InTree[],
): Promise<readonly InTree[]> => {
  const active = await activeGeneration({ state, store, rules, ...parts });
  const keys = page.map(({ document }) => document);
  const wants = await state.read('wants', keys);
  const ledger = active === undefined ? undefined : await store.generation(active).ledger(keys);
  return page.filter(({ document, file }) => {
    const want = wants.get(document);
    const { value } = want ?? {};
    const same = value?.blob === file?.blob && value?.type === file?.type && value?.rules === rules;
    return !same || (ledger?.get(document)?.seq ?? -1) < (want?.seq ?? 0);
  });
};

interface Cut {
  readonly texts: readonly string[];
  readonly tokens: number;
  readonly ms: number;
}

/** Of the sample, what would be embedded. What is skipped or fails is nothing to embed. */
const cutSample = async (parts: Parts, sample: readonly InTree[], generation: string): Promise<Cut> => {
  const { chunker, embedder } = await parts.shape(generation);
  const texts = new Map<string, string>();
  let ms = 0;
  for (const { document, file } of sample) {
    if (!file || reasonToSkip(file, parts.limits.fileBytes)) continue;
    const bytes = await bytesOf(parts, document, file);
    const beganAt = performance.now();
    for (const { embed } of await chunksOf(parts, chunker, file.path, bytes))
      texts.set(createHash('sha256').update(embed).digest('hex'), embed);
    ms += performance.now() - beganAt;
  }
  const active = await activeGeneration(parts);
  const known = active === generation ? await parts.store.generation(active).vectors([...texts.keys()]) : new Map();
  const fresh = [...texts].flatMap(([hash, text]) => (known.has(hash) ? [] : [text]));
  return { texts: fresh, tokens: fresh.reduce((sum, text) => sum + embedder.tokens(text), 0), ms };
};

const chunksOf = async (
  { converter }: Parts,
  chunker: Awaited<ReturnType<Parts['shape']>>['chunker'],
  path: string,
  bytes: Uint8Array,
) => {
  try {
    const converted = await converter.convert(path, bytes);
    return 'text' in converted ? await chunker.chunk(path, converted.text) : [];
  } catch (error) {
    if (error instanceof DeadLetter) return [];
    throw error;
  }
};

/** One at a time, so that no more than one is held. */
const bytesOf = (parts: Parts, document: string, file: TreeEntry): Promise<Uint8Array> => {
  const id = parseDocument(document);
  return asking(
    parts,
    id,
  )(async (port) => {
    for await (const { bytes } of port.blobs(id.project, [file])) return bytes;
    return new Uint8Array();
  });
};

const embedTime = async (parts: Parts, { texts }: Cut, generation: string): Promise<number> => {
  const few = texts.slice(0, SAMPLE_TEXTS);
  if (few.length === 0) return 0;
  const { embedder, dependency } = await parts.shape(generation);
  // The first call also loads the model, which happens once.
  await dependency.attempt(() => embedder.embed(few.slice(0, 1), 'query'));
  const beganAt = performance.now();
  await dependency.attempt(() => embedder.embed(few, 'query'));
  return ((performance.now() - beganAt) / few.length) * texts.length;
};
