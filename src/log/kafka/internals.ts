/**
 * What is used of kafkajs beside its public interface. It has had no release since 2.2.4 and will have none, so what
 * stands there stays; should another version be installed all the same, nothing starts before somebody has looked.
 */
import { createRequire } from 'node:module';
import kafkajs, { type Assigner, type Kafka, type PartitionAssigner } from 'kafkajs';
import { StopFlow } from '../../errors.ts';

const VERSION = '2.2.4';
const { PartitionAssigners } = kafkajs;

/** One assignment of a member, with the place that it goes on at. Its commits bear its own generation. */
export interface OffsetManager {
  resolveOffsets(): Promise<void>;
  nextOffset(topic: string, partition: number): { toString(): string };
  commitOffsets(of: {
    readonly topics: readonly {
      readonly topic: string;
      readonly partitions: readonly { readonly partition: number; readonly offset: string }[];
    }[];
  }): Promise<void>;
}

export interface ConsumerGroup {
  readonly memberId: string | null;
  readonly generationId: number;
  readonly offsetManager: OffsetManager;
  readonly assigners: readonly Assigner[];
  assigned(): readonly { readonly topic: string; readonly partitions: readonly number[] }[];
}

/** What a reader wants to know of its membership, which kafkajs has no event for that anybody waits for. */
export interface Membership {
  /** The partitions are about to be taken away. Must neither fail nor take as long as a session. */
  leaving(): Promise<void>;
  joined(group: ConsumerGroup): Promise<void>;
}

/** A message as a fetch brings it: slices of one large buffer, which live as long as any of them. */
export interface RawMessage {
  readonly offset: string;
  readonly timestamp: string;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers?: Readonly<Record<string, unknown>>;
}

export interface Batch {
  readonly topic: string;
  readonly partition: number;
  readonly fetchedOffset: string;
  readonly highWatermark: string;
  readonly messages: readonly RawMessage[];
  readonly rawMessages: readonly RawMessage[];
  lastOffset(): string;
}

interface Broker {
  fetch(of: object): Promise<{ responses: readonly { topicName: string; partitions: readonly object[] }[] }>;
}

/** The connections of one client. */
export interface Cluster {
  connect(): Promise<void>;
  disconnect(): Promise<void>;
  addTargetTopic(topic: string): Promise<void>;
  refreshMetadata(): Promise<void>;
  findLeaderForPartitions(topic: string, partitions: readonly number[]): Record<string, readonly number[]>;
  findBroker(of: { nodeId: string }): Promise<Broker>;
}

interface RequestQueue {
  throttleCheckTimeoutId: NodeJS.Timeout | null;
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  checkPendingRequests(): void;
}

const require = createRequire(import.meta.url);
const installed = (require('kafkajs/package.json') as { version: string }).version;
if (installed !== VERSION)
  throw new StopFlow(`the log needs kafkajs ${VERSION}, whose inside it knows, and ${installed} is installed`);

export const newBatch = (topic: string, fetchedOffset: string, data: object): Batch => {
  const Batch = require('kafkajs/src/consumer/batch') as new (...of: unknown[]) => Batch;
  return new Batch(topic, fetchedOffset, data);
};

/** An assigner hands its reader's hooks to the shim below: nothing else of ours reaches a consumer group. */
const memberships = new WeakMap<Assigner, Membership>();

export const withMembership =
  (create: PartitionAssigner, membership: Membership): PartitionAssigner =>
  (given) => {
    const assigner = create(given);
    memberships.set(assigner, membership);
    return assigner;
  };

/** A client's connections, for requests that neither its consumer nor its admin makes. */
export const clusterOf = (kafka: Kafka): Cluster => {
  let found: unknown;
  const assigner: PartitionAssigner = (given) => {
    found = given.cluster;
    return PartitionAssigners.roundRobin(given);
  };
  // Never run: a consumer tells its cluster to whoever assigns, and that is all that is wanted of it.
  kafka.consumer({ groupId: 'none', partitionAssigners: [assigner], allowAutoTopicCreation: false });
  return found as Cluster;
};

/** An idle connection sets itself a timer of one millisecond, for ever (tulios/kafkajs#1751). */
const withoutIdleTimers = () => {
  const queue = require('kafkajs/src/network/requestQueue') as { prototype: Record<string, unknown> };
  queue.prototype.scheduleCheckPendingRequests = function schedule(this: RequestQueue) {
    if (this.throttleCheckTimeoutId || this.pending.length === 0) return;
    const waitMs = Math.max(this.throttledUntil - Date.now(), 10);
    this.throttleCheckTimeoutId = setTimeout(() => {
      this.throttleCheckTimeoutId = null;
      this.checkPendingRequests();
    }, waitMs);
  };
};

/** Every way to another assignment leads through here, also those that have no event. */
const withHooks = () => {
  const group = require('kafkajs/src/consumer/consumerGroup') as {
    prototype: { joinAndSync(this: ConsumerGroup): Promise<void> };
  };
  const join = group.prototype.joinAndSync;
  group.prototype.joinAndSync = async function joinAndSync() {
    const membership = this.assigners.map((assigner) => memberships.get(assigner)).find(Boolean);
    // Whoever is no member any more has nothing to bring to an end: the broker refuses its commits.
    if (this.memberId != null) await membership?.leaving();
    await join.apply(this);
    await membership?.joined(this);
  };
};

withoutIdleTimers();
withHooks();
