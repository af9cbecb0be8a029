/** What a pipeline's topics, consumer groups and collections are called. */
import type { PipelineOptions } from './schema.ts';

/** What a pipeline's name stands for in the log and in the store. */
export interface Names {
  readonly topics: {
    readonly events: string;
    readonly eventsBackfill: string;
    readonly changes: string;
    readonly changesBackfill: string;
    readonly documents: string;
    readonly deadLetters: string;
  };
  readonly groups: {
    readonly plan: string;
    readonly collect: string;
    /** One for each generation: it keeps its own place. */
    readonly index: (generation: string) => string;
  };
  readonly alias: string;
  readonly generation: (fingerprint: string) => string;
  /** Of that generation, where a store keeps it in a collection of its own. */
  readonly ledger: (generation: string) => string;
  readonly state: string;
}

export const names = (pipeline: string, options: Pick<PipelineOptions, 'topics' | 'alias'>): Names => {
  const prefix = options.topics ?? `tidemark.${pipeline}`;
  const alias = options.alias ?? `tidemark-${pipeline}`;
  return {
    topics: {
      events: `${prefix}.events`,
      eventsBackfill: `${prefix}.events.backfill`,
      changes: `${prefix}.changes`,
      changesBackfill: `${prefix}.changes.backfill`,
      documents: `${prefix}.documents`,
      deadLetters: `${prefix}.dead-letters`,
    },
    groups: {
      plan: `${prefix}.plan`,
      collect: `${prefix}.collect`,
      index: (generation) => `${prefix}.index.${generation}`,
    },
    alias,
    generation: (fingerprint) => `${alias}-${fingerprint}`,
    ledger: (generation) => `${generation}-ledger`,
    state: `${alias}-state`,
  };
};

/** Whether one pipeline's collections could be taken for those of another's alias. */
const reaches = (alias: string, other: string): boolean =>
  other === alias ||
  (other.startsWith(`${alias}-`) && /^(?:state|[0-9a-f]+(?:-ledger)?)$/.test(other.slice(alias.length + 1)));

/** Why two pipelines cannot stand side by side; `undefined` when they can. */
export const clash = (
  one: Names,
  other: Names,
): { readonly option: 'topics' | 'alias'; readonly what: string } | undefined => {
  // Kafka itself takes "." and "_" for one another in the names of its metrics, and warns.
  const plain = (name: string) => name.replaceAll('_', '.');
  const taken = new Set([...Object.values(one.topics), one.groups.plan, one.groups.collect].map(plain));
  const shared = [...Object.values(other.topics), other.groups.plan, other.groups.collect].find((name) =>
    taken.has(plain(name)),
  );
  if (shared) return { option: 'topics', what: `"${shared}"` };
  if (reaches(one.alias, other.alias) || reaches(other.alias, one.alias))
    return { option: 'alias', what: `collections of "${one.alias}" and "${other.alias}"` };
  return undefined;
};
