/** A thread that does what it is told: answers, refuses, hangs, dies, or grows. */
import { threadId } from 'node:worker_threads';
import { answering } from '../../../src/embedders/thread.ts';

answering<string, string>((wish) => {
  if (wish === 'refuse') throw new Error('not this one');
  if (wish === 'die') process.exit(3);
  if (wish === 'hang') for (;;);
  if (wish === 'grow') for (const kept: string[][] = []; ; ) kept.push(Array.from({ length: 1e5 }, (_, at) => `${at}`));
  return { answer: wish === 'who' ? `${threadId}` : `${wish}!`, transfer: [] };
});
