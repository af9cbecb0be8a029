/** What kafkajs throws, by the reaction that it calls for. Its own names say little: an unreachable broker is "non retriable". */
import { DeadLetter, isKnown, messageOf, StopFlow, TLS_FAULT, TryAgain } from '../../errors.ts';

interface KafkaError extends Error {
  /** Node's name for it. */
  readonly code?: unknown;
  /** The protocol's name for it. */
  readonly type?: string;
  readonly retriable?: boolean;
}

/** Nobody but a person can change these. */
const FAULTS = new Set([
  'CLUSTER_AUTHORIZATION_FAILED',
  'GROUP_AUTHORIZATION_FAILED',
  'TOPIC_AUTHORIZATION_FAILED',
  'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'SASL_AUTHENTICATION_FAILED',
  'UNSUPPORTED_SASL_MECHANISM',
  'UNSUPPORTED_VERSION',
  'UNKNOWN_TOPIC_OR_PARTITION',
  'INVALID_TOPIC_EXCEPTION',
  'INVALID_SESSION_TIMEOUT',
  'KafkaJSSASLAuthenticationError',
  'KafkaJSServerDoesNotSupportApiKey',
  'KafkaJSNotImplemented',
]);

const TOO_LARGE = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);

const UNREACHABLE = new Set(['KafkaJSConnectionError', 'KafkaJSNoBrokerAvailableError', 'KafkaJSRequestTimeoutError']);

/** The broker does not answer, is not ready yet, or has lost track of this producer or member: ask again, as somebody new. */
const PASSING = new Set([
  'KafkaJSConnectionError',
  'KafkaJSConnectionClosedError',
  'KafkaJSRequestTimeoutError',
  'KafkaJSBrokerNotFound',
  'KafkaJSNoBrokerAvailableError',
  'KafkaJSGroupCoordinatorNotFound',
  'KafkaJSMetadataNotLoaded',
  'KafkaJSTopicMetadataNotLoaded',
  'KafkaJSLockTimeout',
  'KafkaJSTimeout',
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'FENCED_INSTANCE_ID',
  'NOT_COORDINATOR_FOR_GROUP',
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'UNKNOWN_PRODUCER_ID',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
  'PRODUCER_FENCED',
  'DUPLICATE_SEQUENCE_NUMBER',
]);

export const isUnknownTopic = (error: unknown): boolean =>
  causes(error).some(({ type }) => type === 'UNKNOWN_TOPIC_OR_PARTITION');

export const isMissingTopic = (error: unknown): boolean =>
  isUnknownTopic(error) || causes(error).some(({ type }) => type === 'INVALID_TOPIC_EXCEPTION');

/** Asking again at once would only take longer. */
export const isUnreachable = (error: unknown): boolean => causes(error).some(({ name }) => UNREACHABLE.has(name));

export const isTooLarge = (error: unknown): boolean => causes(error).some(({ type = '' }) => TOO_LARGE.has(type));

export const kafkaError = (action: string, error: unknown): Error => {
  if (isKnown(error)) return error;
  const message = `${action}: ${messageOf(error)}`;
  const all = causes(error);
  const names = all.flatMap(({ name, type }) => (type ? [type, name] : [name]));
  if (names.some((name) => FAULTS.has(name)) || all.some(({ code }) => TLS_FAULT.test(String(code))))
    return new StopFlow(message, { cause: error });
  if (isTooLarge(error)) return new DeadLetter('record_too_large', message, { cause: error });
  if (names.some((name) => PASSING.has(name)) || all.some(({ retriable }) => retriable === true))
    return new TryAgain(message, { cause: error });
  return error instanceof Error ? new Error(message, { cause: error }) : new Error(message);
};

const causes = (error: unknown): readonly KafkaError[] => {
  const found: KafkaError[] = [];
  for (let next = error; next instanceof Error && found.length < 10; next = next.cause) found.push(next as KafkaError);
  return found;
};
