import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { gathered } from '../../src/calls/batch.ts';

/** Requests that the test lets come back one by one. */
const requests = (parallel: number, size = (_: number) => 1) => {
  const sent: number[][] = [];
  const open: (() => void)[] = [];
  const ask = gathered<number, number>({
    async run(items) {
      sent.push([...items]);
      await new Promise<void>((resolve) => {
        open.push(resolve);
      });
      return items.map((item) => item * 10);
    },
    ...{ size, maxSize: 4, parallel },
  });
  const answerNext = async () => {
    open.shift()?.();
    await turn();
    await turn();
  };
  return { ask, sent, answerNext };
};

describe('calls that are gathered', () => {
  it('made side by side are one request, and each gets its own answers in its own order', async () => {
    const { ask, sent, answerNext } = requests(1);
    const answers = Promise.all([ask([1, 2]), ask([3]), ask([])]);
    await turn();
    expect(sent).toEqual([[1, 2, 3]]);
    await answerNext();
    expect(await answers).toEqual([[10, 20], [30], []]);
  });

  it('made while requests are out wait for one to come back, and then go together', async () => {
    const { ask, sent, answerNext } = requests(2);
    const answers = [ask([1])];
    await turn();
    answers.push(ask([2]));
    await turn();
    answers.push(ask([3]), ask([4]));
    await turn();
    expect(sent).toEqual([[1], [2]]);
    await answerNext();
    expect(sent).toEqual([[1], [2], [3, 4]]);
    await answerNext();
    await answerNext();
    expect((await Promise.all(answers)).flat()).toEqual([10, 20, 30, 40]);
  });

  it('are split into full requests, and what is larger than one goes alone', async () => {
    const { ask, sent, answerNext } = requests(1, (item) => (item === 9 ? 20 : 1));
    const answers = ask([1, 2, 3, 4, 5, 9, 6]);
    for (let i = 0; i < 4; i += 1) {
      await turn();
      await answerNext();
    }
    expect(sent).toEqual([[1, 2, 3, 4], [5], [9], [6]]);
    expect(await answers).toEqual([10, 20, 30, 40, 50, 90, 60]);
  });

  it('that fail tell all who are in it, and nobody else', async () => {
    let calls = 0;
    const ask = gathered<number, number>({
      async run(items) {
        calls += 1;
        if (calls === 1) throw new Error('lost');
        return items;
      },
      ...{ maxItems: 2, parallel: 1 },
    });
    const outcomes = await Promise.allSettled([ask([1]), ask([2]), ask([3])]);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'fulfilled']);
    expect(await ask([4])).toEqual([4]);
  });
});
