/** A thread that does what it is told: answers, at once or later, refuses, hangs, dies, or grows. */
import { setTimeout as sleep } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { DeadLetter } from '../../../src/errors.ts';
import { inside } from '../../../src/runtime/thread.ts';

const { data, answering } = inside<string, string>();

answering(async (wish) => {
  if (wish === 'refuse') throw new DeadLetter('refused', 'not this one');
  if (wish === 'die') process.exit(3);
  if (wish === 'die later') return sleep(20).then(() => process.exit(3));
  if (wish === 'hang') for (;;);
  if (wish === 'wait') await sleep(100_000);
  if (wish === 'grow') for (const kept: string[][] = []; ; ) kept.push(Array.from({ length: 1e5 }, (_, at) => `${at}`));
  if (wish === 'secrets') return { value: JSON.stringify(process.env), transfer: [] };
  if (wish === 'later') await sleep(20);
  return { value: wish === 'who' ? `${threadId}` : `${wish}${data}`, transfer: [] };
});
