import type { Names } from './config/names.ts';
import type { Chunker, Converter, Embedder, Log, RepoSource, Reranker, State, Time, VectorStore } from './ports.ts';
import type { Flow, Telemetry } from './telemetry.ts';

export interface WindowLimits {
  readonly records: number;
  readonly bytes: number;
}

export interface FlowLimits {
  readonly window: WindowLimits;
  /** Collect has a window of its own, since its deliveries also hold the bytes of their blobs. */
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
  /** Makes the error that is thrown when this item alone has failed for too long. */
  readonly exhausted: (message: string, cause: unknown) => Error;
}

export interface Dependency {
  readonly name: string;
  /** The time since which it has not answered its probe. */
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

/** Each fingerprint has its own chunker and embedder, so that vectors of two embedders never meet. */
export interface GenerationTools {
  readonly chunker: Chunker;
  readonly embedder: Embedder;
  readonly dependency: Dependency;
}

/** All that the flows are made of. `log`, `state` and `store` repeat their calls until their dependency answers. */
export interface Parts {
  readonly names: Names;
  readonly limits: FlowLimits;
  /** Hash of the converters and their versions, limits and globs. */
  readonly rules: string;
  /** Says whether a path is to be indexed. An excluded path has no want. */
  readonly selected: (path: string) => boolean;
  readonly log: Log;
  readonly state: State;
  readonly store: VectorStore;
  /** Each source stands under its instance. */
  readonly sources: ReadonlyMap<string, Source>;
  readonly converter: Converter;
  /** Where there is a reranker, it has the last word on the order of hybrid hits. */
  readonly reranker?: { readonly port: Reranker; readonly passages: number };
  /**
   * Works for a generation that another configuration built, too: the state has the options of each that is kept in
   * step.
   */
  readonly tools: (generation: string) => Promise<GenerationTools>;
  readonly time: Time;
  readonly telemetry: Telemetry;
}
