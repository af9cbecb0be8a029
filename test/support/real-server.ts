import { inject } from 'vitest';
import type { ServerAnswer } from './servers.ts';

/**
 * The address of a real server; `undefined` where none can be had, and its tests are skipped. With
 * `TIDEMARK_TEST_REQUIRE=kafka,qdrant` that is a failure.
 */
export const realServer = async (name: 'Kafka' | 'Kafka with TLS' | 'Qdrant'): Promise<string | undefined> => {
  const answer = (await (await fetch(`${inject('servers')}/${encodeURIComponent(name)}`)).json()) as ServerAnswer;
  if ('address' in answer) return answer.address;
  if ('error' in answer) throw new Error(`${name} could not be started: ${answer.error}`);
  const required = process.env.TIDEMARK_TEST_REQUIRE?.toLowerCase().split(',').includes(name.toLowerCase());
  if (required) throw new Error(`${name} is required here, but ${answer.missing}`);
  return undefined;
};
