/**
 * Any server that answers `POST /embeddings` as OpenAI does. One call is one request: what fails is sent again by
 * whoever asked, and what has been embedded never is.
 */

import { withoutSecretFields } from '../config/credentials.ts';
import type { OpenaiOptions } from '../config/embedder.ts';
import { tokenCounter } from '../content/tokens.ts';
import { BadConfiguration, DeadLetter, StopFlow } from '../errors.ts';
import type { Embedder } from '../ports.ts';
import { knownModel } from './models.ts';
import { type Counts, openaiClient } from './openai-client.ts';
import { normalise } from './pooling.ts';

/** Of a model that nobody has told us about. */
const USUAL_TOKENS = 512;
/** Dense text has fewer characters a token than prose, and what is too long is refused as a whole. */
const CHARACTERS_PER_TOKEN = 3;
/** Servers may add their own, and a prefix. */
const SPECIAL_TOKENS = 4;
const PROBE = 'ok';

const modelOf = ({ model, dimensions, maxTokens, prefixes }: OpenaiOptions) => {
  const known = knownModel(model);
  const size = dimensions ?? known?.dimensions;
  if (size === undefined)
    throw new BadConfiguration(
      `embed with ${model}: Tidemark does not know this model; say embedder.dimensions (docs/embedders.md says how)`,
    );
  return {
    dimensions: size,
    /** Fewer than the model has are asked for; a model that cannot be shortened refuses to be asked at all. */
    asked: known?.shortens && size !== known.dimensions ? size : undefined,
    maxTokens: maxTokens ?? known?.maxTokens ?? USUAL_TOKENS,
    prefixes: prefixes ?? known?.prefixes ?? { passage: '', query: '' },
  };
};

/** Not its URL, and no key: the server may move and be opened otherwise, and what it computes stays the same. */
export const openaiVectorSpace = (options: OpenaiOptions) => {
  const { dimensions, prefixes } = modelOf(options);
  const extra = {
    passage: withoutSecretFields(options.extra.passage),
    query: withoutSecretFields(options.extra.query),
  };
  return { kind: 'openai', model: options.model, dimensions, prefixes, extra, version: 1 };
};

export const openaiEmbedder = (options: OpenaiOptions, counted: Counts): Embedder => {
  const { dimensions, asked, maxTokens, prefixes } = modelOf(options);
  const { model, extra, batch, parallel } = options;
  const client = openaiClient(options, counted);
  const longest = maxTokens * CHARACTERS_PER_TOKEN;
  const reserved = SPECIAL_TOKENS + tokenCounter()(prefixes.passage);
  let probing: Promise<void> | undefined;

  const request = (input: readonly string[], kind: 'passage' | 'query') =>
    client.embed({ model, input, encoding_format: 'base64', ...(asked && { dimensions: asked }), ...extra[kind] });

  const checked = (vector: Float32Array | undefined): Float32Array => {
    if (!vector) throw new DeadLetter('refused', `${client.name} left out the vector of a text`);
    if (vector.length !== dimensions)
      throw new StopFlow(
        `${client.name} gives ${vector.length} numbers a vector where ${dimensions} belong: say embedder.dimensions`,
      );
    if (!vector.every(Number.isFinite)) throw new DeadLetter('refused', `${client.name} gave a vector without numbers`);
    const unit = new Float32Array(dimensions);
    normalise(vector, unit);
    return unit;
  };

  /** A server that refuses every text is wrongly configured, and no text is to blame. */
  const probe = async () => {
    try {
      for (const vector of await request([PROBE], 'passage')) checked(vector);
    } catch (error) {
      if (error instanceof DeadLetter)
        throw new StopFlow(`embed: not even "${PROBE}" is taken: ${error.message}`, { cause: error });
      throw error;
    }
  };

  return {
    dimensions,
    maxTokens: maxTokens - reserved,
    batch: { ...batch, parallel },
    /** One at a time: all whose calls have failed ask at once. */
    probe() {
      probing ??= probe().finally(() => {
        probing = undefined;
      });
      return probing;
    },
    tokens: (text) => Buffer.byteLength(text) + reserved,
    async embed(texts, kind) {
      // Some servers refuse a text without content, cut one at NUL, or break at half a character.
      const clean = texts.map((text) => text.slice(0, longest).toWellFormed().replaceAll('\0', ' '));
      const filled = [...clean.keys()].filter((at) => clean[at]?.trim() !== '');
      const vectors: Float32Array[] = clean.map(() => new Float32Array(dimensions));
      if (filled.length === 0) return vectors;
      try {
        const given = await request(
          filled.map((at) => prefixes[kind] + clean[at]),
          kind,
        );
        for (const [row, at] of filled.entries()) vectors[at] = checked(given[row]);
      } catch (error) {
        if (error instanceof DeadLetter && filled.length === 1) await probe();
        throw error;
      }
      return vectors;
    },
    async close() {
      client.close();
    },
  };
};
