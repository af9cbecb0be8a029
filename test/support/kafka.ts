import { inject } from 'vitest';
import type { KafkaAnswer } from './servers.ts';

/**
 * The address of a real broker; `undefined` where none can be had, and its tests are skipped. With
 * `TIDEMARK_TEST_REQUIRE=kafka` that is a failure.
 */
export const realKafka = async (): Promise<string | undefined> => {
  const answer = (await (await fetch(inject('servers'))).json()) as KafkaAnswer;
  if ('address' in answer) return answer.address;
  const required = process.env.TIDEMARK_TEST_REQUIRE?.split(',').includes('kafka');
  if ('error' in answer) throw new Error(`Kafka could not be started: ${answer.error}`);
  if (required) throw new Error(`Kafka is required here, but ${answer.missing}`);
  return undefined;
};
