/** The collections that Tidemark keeps in Qdrant, and how they are brought about. docs/qdrant.md lists their fields. */
import type { Schemas } from '@qdrant/js-client-rest';
import { StopFlow } from '../../errors.ts';
import { statusOf } from './errors.ts';
import type { Server } from './server.ts';

/** What an operator decides about the collections of points; all of it holds for collections that are yet to be made. */
export interface Layout {
  readonly shards: number;
  readonly replication: number;
  readonly onDisk: boolean;
  readonly quantization: 'none' | 'scalar' | 'binary';
  /** Whether a generation is indexed only when it is full, before it is activated. */
  readonly deferIndexing: boolean;
}

export const DENSE = 'dense';
export const SPARSE = 'bm25';

type Collection = Omit<Schemas['CreateCollection'], 'vectors'> & { readonly vectors: Schemas['VectorsConfig'] };
type Index = Schemas['PayloadFieldSchema'];

interface Plan {
  readonly collection: Collection;
  readonly indexes: Readonly<Record<string, Index>>;
}

const SEQ: Index = { type: 'integer', lookup: false, range: true };

export const pointsPlan = (dimensions: number, layout: Layout): Plan => ({
  collection: {
    vectors: { [DENSE]: { size: dimensions, distance: 'Cosine', on_disk: layout.onDisk } },
    sparse_vectors: { [SPARSE]: { modifier: 'idf', index: { on_disk: layout.onDisk } } },
    hnsw_config: { on_disk: layout.onDisk },
    ...(layout.deferIndexing ? { optimizers_config: { indexing_threshold: NO_INDEXING } } : {}),
    ...(layout.quantization === 'none' ? {} : { quantization_config: QUANTIZATION[layout.quantization] }),
    ...copies(layout),
    shard_number: layout.shards,
  },
  indexes: {
    // Points of one project lie together, since most questions are about one.
    project: { type: 'keyword', is_tenant: true },
    document: 'uuid',
    instance: 'keyword',
    ref: 'keyword',
    language: 'keyword',
    paths: { type: 'keyword', on_disk: layout.onDisk },
    names: { type: 'keyword', on_disk: layout.onDisk },
    hash: { type: 'keyword', on_disk: layout.onDisk },
    seq: SEQ,
  },
});

export const ledgerPlan = (layout: Layout): Plan => ({
  collection: { vectors: {}, ...copies(layout), shard_number: layout.shards },
  indexes: {
    status: 'keyword',
    stamp: 'uuid',
    seq: SEQ,
    keptAt: SEQ,
  },
});

export const statePlan = (layout: Layout): Plan => ({
  collection: { vectors: {}, ...copies(layout), shard_number: 1 },
  indexes: { within: 'uuid', stamp: 'uuid', seq: SEQ },
});

const NO_INDEXING = 0;
/** The server's own default, in kilobytes. */
const INDEXING = 10_000;

const QUANTIZATION = {
  scalar: { scalar: { type: 'int8', quantile: 0.99, always_ram: true } },
  binary: { binary: { always_ram: true } },
} as const;

/** A write holds when half of the copies have it: with two of them it goes on without one. */
const copies = ({ replication }: Layout) => ({
  replication_factor: replication,
  write_consistency_factor: Math.ceil(replication / 2),
});

/** Whoever else makes the same one at the same time, each finds all of it there when it is done. */
export const bringAbout = async (server: Server, name: string, { collection, indexes }: Plan): Promise<void> => {
  if (!(await server.describe(name))) {
    await server.ask(`create ${name}`, async (client) => {
      try {
        await client.createCollection(name, collection);
      } catch (error) {
        if (statusOf(error) !== CONFLICT) throw error;
      }
    });
  }
  const there = (await server.describe(name))?.payload_schema ?? {};
  const missing = Object.entries(indexes).filter(([field]) => !(field in there));
  await Promise.all(
    missing.map(([field_name, field_schema]) =>
      server.ask(`index ${field_name} of ${name}`, (client) =>
        client.createPayloadIndex(name, { wait: true, field_name, field_schema }),
      ),
    ),
  );
};

const CONFLICT = 409;

/** Numbers a vector, in a collection that this adapter has made. */
export const dimensionsOf = (name: string, { config }: Schemas['CollectionInfo']): number => {
  const vectors = config.params.vectors as Record<string, { readonly size?: number }> | undefined;
  const size = vectors?.[DENSE]?.size;
  if (size !== undefined) return size;
  throw new StopFlow(`Qdrant: collection ${name} has no vector "${DENSE}": it is not one of Tidemark's`);
};

/** Whether all is indexed that was left for later. Asked again until it is, it gets the work going. */
export const indexed = async (
  server: Server,
  name: string,
  { config, status }: Schemas['CollectionInfo'],
): Promise<boolean> => {
  // Grey: since its start nobody has told the server to go on.
  const waits = config.optimizer_config.indexing_threshold === NO_INDEXING || status === 'grey';
  if (!waits) return status !== 'yellow';
  await server.ask(`index ${name}`, (client) =>
    client.updateCollection(name, { optimizers_config: { indexing_threshold: INDEXING } }),
  );
  return false;
};
