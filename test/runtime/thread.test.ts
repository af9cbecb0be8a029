import { afterEach, expect, it } from 'vitest';
import { DeadLetter, StopFlow, TryAgain } from '../../src/errors.ts';
import { type Thread, thread } from '../../src/runtime/thread.ts';

const opened: Thread<string, string>[] = [];
const open = (name = 'moody', deadlineMs = 20_000) => {
  const file = new URL(`./threads/${name}.ts`, import.meta.url);
  const ahead = { calls: 2, bytes: 100 };
  const startMs = name === 'sleeper' ? 1000 : 60_000;
  const started = thread<string, string>(file, { name: 'the test', deadlineMs, heapMb: 32, data: '!', ahead, startMs });
  opened.push(started);
  return (wish: string, urgent = false) =>
    started.call({ name: wish, request: () => ({ value: wish, transfer: [] }), bytes: 0, urgent });
};
afterEach(async () => {
  for (const one of opened.splice(0)) await one.close();
});

it('answers each call with its own answer, one after the other', async () => {
  const call = open();
  const wishes = Array.from({ length: 20 }, (_, at) => (at % 5 === 0 ? 'later' : `call ${at}`));
  const order: string[] = [];
  const answers = await Promise.all(
    wishes.map(async (wish) => {
      const answer = await call(wish);
      order.push(answer);
      return answer;
    }),
  );
  expect(answers).toEqual(wishes.map((wish) => `${wish}!`));
  expect(order).toEqual(answers);
});

it('goes on after a call that it refused', async () => {
  const call = open();
  await expect(call('refuse')).rejects.toThrow('refuse: not this one');
  expect(await call('next')).toBe('next!');
});

it('lets urgent calls pass those that wait, in their own order', async () => {
  const call = open();
  await call('ready');
  const order: string[] = [];
  const note = (wish: string, urgent: boolean) => call(wish, urgent).then((answer) => order.push(answer));
  await Promise.all([
    ...['a', 'b', 'c', 'd'].map((wish) => note(wish, false)),
    ...['first', 'second'].map((wish) => note(wish, true)),
  ]);
  expect(order).toEqual(['a!', 'b!', 'first!', 'second!', 'c!', 'd!']);
});

it.each(['die', 'die later'])(
  'dead-letters what its thread dies of twice (%s), and answers all the others',
  async (wish) => {
    const call = open();
    const before = await call('who');
    const [first, died, last] = await Promise.allSettled(['one', wish, 'two'].map((one) => call(one)));
    expect(first).toEqual({ status: 'fulfilled', value: 'one!' });
    expect(died).toMatchObject({ status: 'rejected', reason: expect.any(DeadLetter) });
    expect(last).toEqual({ status: 'fulfilled', value: 'two!' });
    expect(await call('who')).not.toBe(before);
  },
);

it.each(['hang', 'wait'])('ends what does not answer in time (%s)', async (wish) => {
  const call = open('moody', 1500);
  await expect(call(wish)).rejects.toThrow(DeadLetter);
  expect(await call('next')).toBe('next!');
});

it('ends what takes more memory than it may', async () => {
  await expect(open()('grow')).rejects.toThrow(/twice: .*memory/);
});

it('knows nothing of the environment unless it is told', async () => {
  process.env.TIDEMARK_TEST_SECRET = 'hidden';
  try {
    expect(await open()('secrets')).not.toContain('hidden');
  } finally {
    delete process.env.TIDEMARK_TEST_SECRET;
  }
});

it('stops the flow when its file does not load', async () => {
  const call = open('stillborn');
  const all = await Promise.allSettled([call('a'), call('b'), call('c')]);
  for (const result of all) expect(result).toMatchObject({ status: 'rejected', reason: expect.any(StopFlow) });
  await expect(call('a')).rejects.toThrow('the test does not run: the model is not there');
});

it('rejects what is out when it is closed', async () => {
  const call = open();
  const hanging = expect(call('hang')).rejects.toThrow(TryAgain);
  await opened[0]?.close();
  await hanging;
  await expect(call('late')).rejects.toThrow('the test is closed');
});

it('ends what does not start in time, however many calls come meanwhile', async () => {
  const call = open('sleeper');
  const waiting: Promise<unknown>[] = [];
  const calling = setInterval(() => waiting.push(call('a').catch(() => undefined)), 20);
  try {
    await expect(call('first')).rejects.toThrow('it was not ready within 1000 ms');
  } finally {
    clearInterval(calling);
  }
});
