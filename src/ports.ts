/**
 * Words. These and no others, in code, logs, metrics and docs.
 *
 * Where documents come from
 * instance     a GitLab server by its name in the configuration; `git` for plain repositories
 * project      a project on it, by its numeric id; the source's name for plain repositories
 * ref          a branch, without `refs/heads/`; `.wiki` is the wiki of a project on GitLab
 * head         the commit that a ref points at
 * document     one file at (instance, project, ref, path)
 * blob         the content of a file, by the id that git gives it
 * selected     said of a path that the configuration includes; others have no want
 *
 * What the flows do
 * flow         plan, collect or index: a consumer group that reads a topic and settles its records
 * stage        a step of a flow, as logs and dead letters name it
 * event        a hint: "look at this ref", or at these paths of it. Never the truth
 * hint         an event about to be filed
 * file         to append an event by which Tidemark asks itself to look
 * look         planning one ref. A small look compares two commits, a full look the whole tree, by a sweep
 * claim        to take a ref for one plan by compare-and-set on its row, which gives the plan its `seq`
 * seq          the number of a plan, which grows with each claim of a ref; what bears a higher one is newer
 * dirty        said of a ref whose plan has claimed it and has not recorded its end
 * overtaken    said of a plan whose ref another plan has claimed since
 * sweep        a full look at a tree, page by page; its row says how far it has come
 * carrier      the event that carries a sweep on by one page
 * want         one row per document: the blob it should have, or gone, and the `seq` of the plan that said so
 * lay          to write wants, and then to append their changes
 * change       "bring this document to its want", on its way through the log
 * text         a document after conversion
 * chunk        a piece of a text that is small enough to embed
 * point        a chunk with its vector, in the store
 * ledger       one entry per document and generation: what the store holds
 * reached      said of a want whose `seq` the ledger has, with whatever status
 * tombstone    a want that says gone, kept until no record on its way can bring the document back
 *
 * How records move
 * topic, lane  each topic but `documents` and `dead-letters` has two lanes, live and backfill: one topic each
 * delivery     a record on loan from the log until it is settled
 * settled      done, skipped, superseded or dead-lettered: exactly one, exactly once
 * low-water    the first offset of a partition that is not settled: what a group commits
 * window       the credit of a flow, in records and bytes: what it may have on loan at a time
 * dead letter  a record set aside, with the reason and all that is needed to try again
 * item         what one call is made for, and what is set aside when it alone fails for too long
 *
 * What the index is built by
 * pipeline     a scope of projects, filters, a chunker, an embedder, a topic prefix and a collection alias
 * rules        a hash of all that turns a blob into a text. Other rules mean planning again, in place
 * fingerprint  a hash of all that turns a text into points. Another fingerprint means another generation
 * generation   one collection with its ledger, named by its fingerprint
 * active       said of the generation that answers searches: the alias points at it
 * building     said of the generation that a reindex fills
 * previous     said of the generation that was active before, for the day on which `rollback` can bring it back
 * kept in step said of a generation that index writes to: the active one, the one being built and the previous one
 *
 * What happens to projects
 * blocked      said of a project that its source refuses or does not find
 * hidden       said of a project that no search may find for now
 * closed       blocked or hidden: nothing of it is planned
 * forgotten    said of a project that is planned as if it were empty, until nothing of it is left
 *
 * Work beside the flows
 * run          one bounded job with an id, a report and an exit code
 * clock        the process that holds the first partition of `events`, and looks for what no event brings
 * resync       the timer of the clock that compares the heads of all refs with what was planned
 * damage       what the data directory holds and is not what was written there; `rebuild` sets it aside
 * repair       to file looks at what `verify` found to differ from its source
 * hold         the lock on a data directory. Its owner is the process that has it; other processes ask the owner
 *
 * Want and ledger are desire and fact: `want.seq > ledger.seq` means pending.
 *
 * Ports are promises and async iterables. An adapter is a factory that returns an object literal, and passes the
 * contract suite of its port in `test/contracts/`. It reports what went wrong with the errors of `errors.ts`.
 */
import type { User } from './config/user.ts';
import type { BlockProject, TryAgain } from './errors.ts';
import type {
  BudgetRow,
  Change,
  DocumentRecord,
  Event,
  GenerationOptions,
  GenerationsRow,
  HeardRow,
  LedgerEntry,
  LogRow,
  ProjectRow,
  RefRow,
  ReplaysRow,
  ResolutionRow,
  RoundRow,
  RulesRow,
  RunRefRow,
  RunRow,
  SweepRow,
  Text,
  TimerRow,
  TombstoneRow,
  Want,
} from './records.ts';

// ---------------------------------------------------------------------------------------------------- the log

export interface LogRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly key: string;
  /** `null` is a tombstone: the key is to vanish from a compacted topic. */
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>>;
  /** Unix milliseconds at which the log took it. */
  readonly timestamp: number;
}

export interface Delivery extends LogRecord {
  /** The assignment that this delivery belongs to. After a rebalance its settling moves no offset any more. */
  readonly epoch: number;
  /** Gives the record back as finished with. Exactly once; a second call throws. */
  settle(): void;
}

/** How a delivery ends: exactly one of these, exactly once. */
export interface Settled {
  readonly outcome: 'done' | 'skipped' | 'superseded' | 'dead-lettered';
  readonly reason: string;
}

export type Outgoing = Pick<LogRecord, 'key' | 'value'> & { readonly headers?: Record<string, string> };

/** Per partition, by its number: the first offset still there, and the next one to be given. */
export type Bounds = readonly { readonly start: number; readonly end: number }[];

/** Per partition, by its number: the first offset that the group has not settled; `undefined` before its first commit. */
export type Committed = readonly (number | undefined)[];

export interface Reader extends AsyncIterable<Delivery> {
  /** The partitions that are assigned to this reader now. */
  held(): ReadonlySet<number>;
  /** Stops delivering, commits what is settled and leaves the group. Deliveries still out are delivered again to others. */
  close(): Promise<void>;
}

/**
 * A log of topics with partitions. Records of one key keep their order. Offsets are committed as the contiguous
 * low-water mark of settled deliveries, per partition and assignment (`log/low-water.ts`), never beyond it.
 * A reader that is not asked for its next delivery holds no more than a bounded number of records.
 */
export interface Log {
  /** Resolves when the log answers. */
  probe(): Promise<void>;
  /** Another value than before means that records and offsets may have been lost: the log was recreated. */
  identity(): Promise<string>;
  /** Resolves once all are durable. When it rejects any of them may be there or not. */
  append(topic: string, records: readonly Outgoing[]): Promise<void>;
  /** Joins the group. Starts where the group's commits stand, without one at the first record that is still there. */
  read(topic: string, group: string): Reader;
  /** The records from one vector of offsets up to, and without, another, in the order of each partition. Ends by itself. */
  slice(topic: string, from: readonly number[], until: readonly number[]): AsyncIterable<LogRecord>;
  bounds(topic: string): Promise<Bounds>;
  committed(topic: string, group: string): Promise<Committed>;
  /** Whether all that was appended more than `ms` ago is settled by the group. */
  settledAllOlderThan(topic: string, group: string, ms: number): Promise<boolean>;
  /** How many readers the group has now, in all processes: without one, nothing of the topic is settled. */
  members(topic: string, group: string): Promise<number>;
  /** Removes a group that has no member any more, with its commits. */
  forget(topic: string, group: string): Promise<void>;
  close(): Promise<void>;
}

// ---------------------------------------------------------------------------------------------------- state

/** The tables of the state and what a row of each holds (`records.ts`). No generation owns them. */
export interface Tables {
  refs: RefRow;
  sweeps: SweepRow;
  wants: Want;
  projects: ProjectRow;
  rounds: RoundRow;
  tombstones: TombstoneRow;
  missing: { readonly blob: string };
  timers: TimerRow;
  rules: RulesRow;
  generations: GenerationsRow;
  /** The name is older than the word, and stays since rows are stored by it. */
  shapes: GenerationOptions;
  budgets: BudgetRow;
  log: LogRow;
  heard: HeardRow;
  runs: RunRow;
  runRefs: RunRefRow;
  resolutions: ResolutionRow;
  replays: ReplaysRow;
}
export type Table = keyof Tables;

/** Which write a row stems from. `token` is the writer's own, so that it recognises its write after an answer was lost. */
export interface Stamp {
  readonly seq: number;
  readonly token: string;
}

export interface Row<T extends Table> extends Stamp {
  readonly key: string;
  /** What `page` selects by; the ref's key for wants. */
  readonly scope: string;
  readonly value: Tables[T];
}

export interface Page<T> {
  readonly rows: readonly T[];
  /** Where the next page starts; `undefined` after the last one. */
  readonly next?: string;
}

/**
 * Small rows with compare-and-set. Writes of several rows are not atomic: any of them may be seen, or lost with the
 * answer, before the others. Every write may be repeated without harm.
 */
export interface State {
  probe(): Promise<void>;
  read<T extends Table>(table: T, keys: readonly string[]): Promise<ReadonlyMap<string, Row<T>>>;
  /** Unordered. A row that stands throughout all pages is met at least once. */
  page<T extends Table>(table: T, scope: string, cursor?: string): Promise<Page<Row<T>>>;
  /**
   * Writes the row if the one that stands bears exactly the stamp `over`, or if none stands and `over` is absent.
   * Resolves to whether the row that stands afterwards bears the stamp of `row`.
   */
  swap<T extends Table>(table: T, row: Row<T>, over: Stamp | undefined): Promise<boolean>;
  /** Writes each row that is absent or stands at a lower seq; leaves the others. */
  raise<T extends Table>(table: T, rows: readonly Row<T>[]): Promise<void>;
  /** Removes each row that still bears exactly its stamp. */
  remove(table: Table, rows: readonly (Stamp & { readonly key: string })[]): Promise<void>;
}

// ---------------------------------------------------------------------------------------------------- the store

export interface Chunk {
  /** As it stands in the text, first line to last; of a line that is too long for one chunk, a part. */
  readonly text: string;
  /** Exactly what is embedded: heading or symbol path and content, never the file's path. */
  readonly embed: string;
  readonly heading: readonly string[];
  readonly startLine: number;
  readonly endLine: number;
}

/** Where a chunk stands in the version that a point belongs to. What a raise sets, without sending its vector. */
export interface Placement {
  readonly id: string;
  readonly startLine: number;
  readonly endLine: number;
  readonly commit: string;
}

export interface Point extends Placement, Chunk {
  readonly document: string;
  readonly seq: number;
  /** SHA-256 of `embed`. */
  readonly hash: string;
  readonly language: string;
  readonly vector: Float32Array;
}

/** A point as it is read back: its vector stays in the store. */
export type StoredPoint = Omit<Point, 'vector'>;

export interface Query {
  /** By meaning, or by words. What makes one list of both is no store's business (`ranking/fusion.ts`). */
  readonly mode: 'dense' | 'lexical';
  readonly text: string;
  /** Needed for `dense`. */
  readonly vector?: Float32Array;
  /** For `lexical`, what is looked for instead of the text's own terms (`termsOf`), and what each is worth. */
  readonly terms?: ReadonlyMap<string, number>;
  readonly limit: number;
  /** Keys (`projectKey`): a project's id alone may stand for several. None lets nothing through. */
  readonly projects?: readonly string[];
  readonly ref?: string;
  /** A glob over the path. */
  readonly path?: string;
  /** Any of these. None lets nothing through. */
  readonly languages?: readonly string[];
}

export interface Hit {
  readonly score: number;
  readonly point: StoredPoint;
}

/** What the entry may stand over: any of a lower seq, or exactly the one that was read (`undefined`: none was there). */
export type Over = 'lower' | { readonly read: LedgerEntry | undefined };

/**
 * One collection with its ledger. The steps of an apply (`operators/apply.ts`) are separate calls: between any two of
 * them other writers may act, and a call over several points is not atomic. Every call may be repeated without harm.
 */
export interface Generation {
  ledger(documents: readonly string[]): Promise<ReadonlyMap<string, LedgerEntry>>;
  /** Unordered. An entry that stands throughout all pages is met at least once. */
  ledgerPage(cursor?: string): Promise<Page<LedgerEntry>>;
  /** Resolves to what stands afterwards, whoever wrote it. An entry never stands over one of its own seq or a higher one. */
  record(entry: LedgerEntry, over: Over): Promise<LedgerEntry | undefined>;
  /** Removes entries that are `gone` and still at exactly that seq. */
  forget(entries: readonly { readonly document: string; readonly seq: number }[]): Promise<void>;
  /** The vectors of contents that are, or within the last day were, in this collection. */
  vectors(hashes: readonly string[]): Promise<ReadonlyMap<string, Float32Array>>;
  /** Sets seq, lines and commit of those of the document's points that are there at a lower seq. Needs no vector. */
  raise(document: string, seq: number, placements: readonly Placement[]): Promise<void>;
  /** Which of the document's points are there. */
  present(document: string, ids: readonly string[]): Promise<ReadonlySet<string>>;
  /** Writes each point that is absent or stands at a lower seq; leaves the others. */
  upsert(points: readonly Point[]): Promise<void>;
  /** Deletes the document's points whose seq is not above `seq` and whose id is not among `keep`. */
  prune(document: string, seq: number, keep: readonly string[]): Promise<void>;
  /** Unordered. */
  pointPage(cursor?: string): Promise<Page<{ readonly document: string; readonly id: string; readonly seq: number }>>;
  /** All points of the document, also such as its ledger entry does not name. Unordered. */
  pointsOf(document: string): Promise<readonly StoredPoint[]>;
  counts(): Promise<{ readonly documents: number; readonly points: number }>;
  search(query: Query): Promise<readonly Hit[]>;
}

export interface VectorStore {
  probe(): Promise<void>;
  /** A handle. Creates nothing; calls on a generation that is not there throw `StopFlow`. */
  generation(name: string): Generation;
  /** Does nothing when it is there with the same dimensions. */
  create(name: string, dimensions: number): Promise<void>;
  drop(name: string): Promise<void>;
  generations(): Promise<readonly string[]>;
  /** The generation that the alias points at. */
  active(): Promise<string | undefined>;
  /** Moves the alias in one step. Throws `StopFlow`, with the alias where it was, when that generation is not there. */
  activate(name: string): Promise<void>;
}

// ---------------------------------------------------------------------------------------------------- sources and content

export interface TreeEntry {
  /** Bytes that are not UTF-8 stand as U+DC80 to U+DCFF, so that every path is a string and comes back byte by byte. */
  readonly path: string;
  /** The file mode as git writes it: `100644`, `120000` (symlink), `160000` (submodule). */
  readonly type: string;
  readonly blob: string;
  readonly size?: number;
}

/** A file whose content is asked for. */
export interface WantedBlob extends TreeEntry {
  /** The commit that it was planned at, and how many files were planned with it: many are worth fetching at once. */
  readonly commit?: string;
  readonly together?: number;
}

export interface TreePage {
  readonly entries: readonly TreeEntry[];
  /** Put together from many answers: were the last ones missing, nobody could tell. */
  readonly paged?: boolean;
  readonly next?: string;
}

/** An entry of the newer tree, or a path that only the older one has. */
export type TreeDifference = TreeEntry | { readonly path: string; readonly type: typeof GONE; readonly blob: null };

/** The type of what is not there, as git's own diff writes it. */
export const GONE = '000000';

export interface Project {
  readonly id: string;
  /** What people call it, `group/name`. */
  readonly path: string;
  readonly url?: string;
  readonly visibility: 'public' | 'internal' | 'private';
  readonly groups: readonly string[];
  readonly archived?: boolean;
  /** Why nobody is to find it for now. */
  readonly hidden?: string | undefined;
}

/** What a person should know of a source before anybody waits for it. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'error';
  readonly finding: string;
  /** What to do about it; empty where there is nothing to do. */
  readonly remedy: string;
}

export interface RefChange {
  readonly project: string;
  readonly ref: string;
  /** `null` where the ref was not there, or nothing was known yet; the same as `after` where it has come back. */
  readonly before: string | null;
  readonly after: string | null;
}

export interface Watch {
  readonly signal: AbortSignal;
  /** Refs that somebody else may have told of before the first look. Asked after it: one that is gone by then is told. */
  tracked(project: string): Promise<readonly string[]>;
  /** A change counts as told once this has resolved. Until then it is told again, with the newest head. */
  onChange(change: RefChange): Promise<void> | void;
  /** The refs of the project cannot be read for now. They are read again. */
  onTrouble(project: string, error: TryAgain | BlockProject): Promise<void> | void;
}

/** What a hook says of a project. Only which project it is, and which branches are worth a look, is believed. */
export interface ProjectNews {
  readonly project: string;
  /** `group/name`, as it is called now. */
  readonly path: string | undefined;
  readonly defaultBranch: string | undefined;
  readonly webUrl: string | undefined;
}

export type News =
  | (ProjectNews & { readonly is: 'push'; readonly moved: readonly Omit<RefChange, 'project'>[] })
  | (ProjectNews & { readonly is: 'wiki' })
  | (ProjectNews & { readonly is: 'project'; readonly destroyed: boolean })
  | { readonly is: 'group'; readonly paths: readonly string[] }
  /** Nothing that is indexed changes by it. */
  | { readonly is: 'other'; readonly kind: string }
  /** Not in the shape that such servers send it in, as with a template of somebody's own. */
  | { readonly is: 'strange'; readonly why: string };

export type HookHeaders = Readonly<Record<string, string | readonly string[] | undefined>>;

/** `known`: by its token, whatever the body is. `signed`: the body will tell. */
export type HookProof = 'known' | 'signed' | { readonly refused: string };

/** How servers of one kind tell of what happens on them: by requests to `/webhooks/<kind>`. */
export interface HookFormat {
  readonly kind: string;
  /** What the headers alone say of who sends it, before anything of the body is read. */
  proof(headers: HookHeaders, by: { readonly secrets: readonly string[]; readonly now: number }): HookProof;
  isSigned(headers: HookHeaders, body: Buffer, secrets: readonly string[]): boolean;
  news(body: unknown): News;
  /** The name of the event, the id of the delivery, and the server that says to have sent it. */
  said(headers: HookHeaders): {
    readonly event: string;
    readonly id: string | undefined;
    readonly server: string | undefined;
  };
}

/** What decides who may read the code of a project. */
export interface GuardedProject {
  readonly id: string;
  /** The strictest of all its parts. */
  readonly visibility: string;
  /** The paths of all groups that it is in, the outermost first. */
  readonly groups: readonly string[];
}

/** Lines of a document, as far as a page that shows them is concerned. */
export interface Lines {
  readonly ref: string;
  readonly path: string;
  readonly startLine: number;
  readonly endLine: number;
}

/**
 * Where documents come from. A request that fails throws, and is never an empty answer. `BlockProject` when this one
 * project is refused or not found while the source answers.
 */
export interface RepoSource {
  /** Whether a head may come from a replica that has not heard of the newest push yet. */
  readonly replicas: boolean;
  /** The server that its users and its hooks are of, as `serverOf` writes it; `undefined` where there is none. */
  readonly server: string | undefined;
  /** By which the server tells of pushes; `undefined` where `watch` is all that finds them. */
  readonly hooks: HookFormat | undefined;
  /** Where the files of its projects stand on this machine, by what people call the project. */
  readonly folders: ReadonlyMap<string, string>;
  probe(): Promise<void>;
  /** Looks whether all that the configuration names can be read. Never throws for what is wrong with that. */
  check(): Promise<readonly Finding[]>;
  /**
   * Tells of each ref at first, and then whenever it moves, until the signal aborts. Resolves at once where hooks and the
   * resync find what moves.
   */
  watch(watch: Watch): Promise<void>;
  /** Whether the server shows the project's code to this user; not for a user of any other server. Throws when it does not answer. */
  mayRead(user: User, project: GuardedProject): Promise<boolean>;
  /** Whether the configuration leads to a project that a hook names. Told without asking the server. */
  leadsTo(project: Pick<ProjectNews, 'project' | 'path'>): boolean;
  /** Whether a ref may be one of those that are indexed. Told without asking the server. */
  mayTrack(project: string, ref: string, defaultBranch: string | undefined): boolean;
  /** The page that shows the lines, below that of their project; `undefined` where there is none. */
  urlOf(projectUrl: string, lines: Lines): string | undefined;
  projects(): AsyncIterable<Project>;
  project(project: string): Promise<Project>;
  /** Every ref of the project that is to be indexed, with its head: a complete list. */
  refs(project: string): Promise<ReadonlyMap<string, string>>;
  /** `undefined` only when a complete list of branches lacks the ref. */
  head(project: string, ref: string): Promise<string | undefined>;
  /**
   * All files below the commit, page by page; `undefined` when the commit is not there (any more). A commit's tree never
   * changes, so a page is the same whenever it is asked for.
   */
  tree(project: string, commit: string, cursor?: string): Promise<TreePage | undefined>;
  /** Those of the paths that the commit has; `undefined` when the commit is not there (any more). */
  entries(
    project: string,
    commit: string,
    paths: readonly string[],
  ): Promise<ReadonlyMap<string, TreeEntry> | undefined>;
  /**
   * With the sizes of those blobs that are there, where the source can tell. Apart from the listings, since most of what
   * is listed is never fetched.
   */
  sized(project: string, entries: readonly TreeEntry[]): Promise<readonly TreeEntry[]>;
  /** What differs from `base` to `head`; `undefined` when that cannot be told for certain. */
  compare(project: string, base: string, head: string): Promise<readonly TreeDifference[] | undefined>;
  /**
   * The blobs that are there, in any order. Where entries have no size, one that is longer than the limit on files comes
   * cut off one byte later.
   */
  blobs(
    project: string,
    entries: readonly WantedBlob[],
  ): AsyncIterable<{ readonly blob: string; readonly bytes: Uint8Array }>;
  close(): Promise<void>;
}

/** Why a document has no text. A closed list, kept in the ledger. */
export type SkipReason =
  | 'empty'
  | 'binary'
  | 'too_large'
  | 'text_too_large'
  | 'lfs_pointer'
  | 'symlink'
  | 'submodule'
  | 'encoding'
  | 'unsupported'
  | 'secret';

export interface Converter {
  /** Throws `DeadLetter` for content that it cannot make sense of; never returns a text that is empty. */
  convert(path: string, bytes: Uint8Array): Promise<{ readonly text: Text } | { readonly skip: SkipReason }>;
  close(): Promise<void>;
}

export interface Chunker {
  /**
   * Every line of the text that is not blank stands in exactly one chunk; one that is too long for a chunk is shared by
   * several that name it alone. Throws `DeadLetter` for a text that it cannot cope with.
   */
  chunk(path: string, text: Text): Promise<readonly Chunk[]>;
  close(): Promise<void>;
}

export interface Embedder {
  readonly dimensions: number;
  /** The longest text, in its own tokens, that is embedded whole. */
  readonly maxTokens: number;
  /** What one call may bring, in `tokens`, and how many calls are worth making side by side. */
  readonly batch: { readonly texts: number; readonly tokens: number; readonly parallel: number };
  probe(): Promise<void>;
  /** An upper bound that costs nothing to ask for; what batches are filled by. */
  tokens(text: string): number;
  /**
   * One vector a text, in order, of length one; all zero for a text in which there is nothing to embed. Throws
   * `DeadLetter` when one of the texts is refused, without saying which: whoever sent several halves them.
   */
  embed(texts: readonly string[], kind: 'passage' | 'query'): Promise<readonly Float32Array[]>;
  /**
   * Only where it takes milliseconds for a hundred passages. One number a passage, in order: the higher the nearer to the
   * question. Reads both word by word, which tells more than their two vectors do.
   */
  compare?(question: string, passages: readonly string[]): Promise<ArrayLike<number>>;
  close(): Promise<void>;
}

/** Reads question and passage together, as a cross-encoder does: slower than comparing vectors, and surer. */
export interface Reranker {
  /** One number a passage, in order: the higher the better it answers the question. Of no scale. */
  score(question: string, passages: readonly string[]): Promise<readonly number[]>;
  close(): Promise<void>;
}

// ---------------------------------------------------------------------------------------------------- around them

/** Time and chance come in from outside, so that a history can be replayed. */
export interface Time {
  /** Unix milliseconds. */
  now(): number;
  /** Resolves after `ms`, or as soon as the signal aborts. Keeps no process alive. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
  /** At least 0, below 1. */
  random(): number;
  /** Never the same twice. */
  token(): string;
}

export type { Change, DocumentRecord, Event, LedgerEntry, Text, Want };
