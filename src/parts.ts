import type { Names } from './config/names.ts';
import type { Chunker, Converter, Embedder, Log, RepoSource, Reranker, State, Time, VectorStore } from './ports.ts';
import type { Flow, Telemetry } from './telemetry.ts';

export interface WindowLimits {
  readonly records: number;
  readonly bytes: number;
}

export interface Limits {
  readonly window: WindowLimits;
  /** Of collect, whose deliveries also hold the bytes of their blobs. */
  readonly collectWindow: WindowLimits;
  /** Keys that each flow works on at a time. */
  readonly parallel: Readonly<Record<Flow, number>>;
  /** A difference of more changes is laid page by page in the backfill lane. */
  readonly liveChanges: number;
  /** Files larger than this are not fetched. */
  readonly fileBytes: number;
  readonly blobBytesPerRequest: number;
  readonly blobsPerRequest: number;
  readonly embedTokens: number;
  readonly embedTexts: number;
  readonly embedWaitMs: number;
}

export interface Item {
  readonly key: string;
  /** Whose trouble it may be. Absent where it cannot be the project's. */
  readonly project?: string;
  /** What becomes of it when it alone has failed for too long. */
  readonly exhausted: (message: string, cause: unknown) => Error;
}

export interface Dependency {
  readonly name: string;
  /** Since when it has not answered its probe. */
  downSince(): number | undefined;
  /** Items that are being retried although it answers. */
  retried(): number;
  /**
   * Repeats the call, and only the call, for as long as repeating is the reaction. A call for an item counts against
   * that item while the dependency answers others, and against nobody while it does not.
   */
  attempt<T>(call: () => Promise<T>, item?: Item): Promise<T>;
}

export interface Source {
  readonly port: RepoSource;
  /** Calls go through `attempt`, for the item or the project that they are made for. */
  readonly dependency: Dependency;
}

/** What belongs to one fingerprint. */
export interface Shape {
  readonly chunker: Chunker;
  readonly embedder: Embedder;
  readonly dependency: Dependency;
}

/** All that the flows are made of. `log`, `state` and `store` are steady: they wait until their dependency answers. */
export interface Parts {
  readonly names: Names;
  readonly limits: Limits;
  /** Hash of the converters and their versions, limits and globs. */
  readonly rules: string;
  /** Whether a path is to be indexed. An excluded path has no want. */
  readonly selected: (path: string) => boolean;
  readonly log: Log;
  readonly state: State;
  readonly store: VectorStore;
  /** By instance. */
  readonly sources: ReadonlyMap<string, Source>;
  readonly converter: Converter;
  /** Has the last word on the order of hybrid hits, where there is one. */
  readonly reranker?: { readonly port: Reranker; readonly passages: number };
  /** Also of a generation that was built by another configuration: all that are fed have theirs in the state. */
  readonly shape: (generation: string) => Promise<Shape>;
  readonly time: Time;
  readonly telemetry: Telemetry;
}
