import { afterEach, expect, it } from 'vitest';
import { type Thread, thread } from '../../src/embedders/thread.ts';
import { DeadLetter, StopFlow, TryAgain } from '../../src/errors.ts';

const opened: Thread<string, string>[] = [];
const open = (name = 'moody', deadlineMs = 20_000): Thread<string, string> => {
  const file = new URL(`./threads/${name}.ts`, import.meta.url);
  const started = thread<string, string>(file, { action: 'test', deadlineMs, heapMb: 32 });
  opened.push(started);
  return started;
};
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

it('answers each call with its own answer', async () => {
  const calls = open();
  const wishes = Array.from({ length: 20 }, (_, at) => `call ${at}`);
  const answers = await Promise.all(wishes.map((wish) => calls.call(wish, false)));
  expect(answers).toEqual(wishes.map((wish) => `${wish}!`));
});

it('goes on after a call that it refused', async () => {
  const calls = open();
  await expect(calls.call('refuse', false)).rejects.toThrow('test: not this one');
  expect(await calls.call('next', false)).toBe('next!');
});

it('lets urgent calls pass those that wait, in their own order', async () => {
  const calls = open();
  const order: string[] = [];
  const call = (wish: string, urgent: boolean) => calls.call(wish, urgent).then((answer) => order.push(answer));
  await Promise.all([
    ...['a', 'b', 'c', 'd'].map((wish) => call(wish, false)),
    ...['first', 'second'].map((wish) => call(wish, true)),
  ]);
  expect(order).toEqual(['a!', 'b!', 'first!', 'second!', 'c!', 'd!']);
});

it('dead-letters what its thread dies of twice, and answers all the others', async () => {
  const calls = open();
  const before = await calls.call('who', false);
  const [first, died, last] = await Promise.allSettled(['one', 'die', 'two'].map((wish) => calls.call(wish, false)));
  expect(first).toEqual({ status: 'fulfilled', value: 'one!' });
  expect(died).toMatchObject({ status: 'rejected', reason: expect.any(DeadLetter) });
  expect(last).toEqual({ status: 'fulfilled', value: 'two!' });
  expect(await calls.call('who', false)).not.toBe(before);
});

it('ends what does not answer in time', async () => {
  const calls = open('moody', 1500);
  await expect(calls.call('hang', false)).rejects.toThrow(DeadLetter);
  expect(await calls.call('next', false)).toBe('next!');
});

it('ends what takes more memory than it may', async () => {
  const calls = open();
  await expect(calls.call('grow', false)).rejects.toThrow(/died twice: .*memory/);
});

it('stops the flow when its file does not load', async () => {
  const calls = open('stillborn');
  const both = await Promise.allSettled([calls.call('a', false), calls.call('b', false), calls.call('c', false)]);
  for (const result of both) expect(result).toMatchObject({ status: 'rejected', reason: expect.any(StopFlow) });
  await expect(calls.call('a', false)).rejects.toThrow('the model is not there');
});

it('rejects what is out when it is closed', async () => {
  const calls = open();
  const hanging = expect(calls.call('hang', false)).rejects.toThrow(TryAgain);
  await calls.close();
  await hanging;
  await expect(calls.call('late', false)).rejects.toThrow('it was closed');
});
