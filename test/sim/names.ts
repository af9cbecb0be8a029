import type { Names } from '../../src/parts.ts';

export const INSTANCE = 'sim';
const PREFIX = 'tidemark.default';

export const NAMES: Names = {
  topics: {
    events: `${PREFIX}.events`,
    eventsBackfill: `${PREFIX}.events.backfill`,
    changes: `${PREFIX}.changes`,
    changesBackfill: `${PREFIX}.changes.backfill`,
    documents: `${PREFIX}.documents`,
    deadLetters: `${PREFIX}.dead-letters`,
  },
  groups: {
    plan: `${PREFIX}.plan`,
    collect: `${PREFIX}.collect`,
    index: (generation) => `${PREFIX}.index.${generation}`,
  },
  alias: 'tidemark-default',
  generation: (fingerprint) => `tidemark-default-${fingerprint}`,
  ledger: (generation) => `${generation}-ledger`,
  state: 'tidemark-default-state',
};
