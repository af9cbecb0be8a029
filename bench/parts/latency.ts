import { setTimeout as sleep } from 'node:timers/promises';
import { searching } from '../ask.ts';
import { type Figure, quantile } from '../figures.ts';
import type { Stage } from '../stage.ts';
import { texts } from '../texts.ts';

const COMMITS = 40;
const LOOK_EVERY_MS = 10;
/** So that commits do not keep time with whoever looks for them. */
const APART_MS = 137;
const DEADLINE_MS = 30_000;

/** From the moment at which git is asked to commit to the moment at which a search finds the new file. */
export const latency = async (stage: Stage): Promise<readonly Figure[]> => {
  const { repository, serve } = await stage.indexed(stage.texts);
  const service = await serve();
  try {
    const ask = await searching(service.data);
    await ask('warm up');
    const source = texts(99);
    const times: number[] = [];
    for (let number = 0; number < COMMITS; number += 1) {
      const marker = `marker${number}of${Date.now()}`;
      const { path, content } = source.file(number, 2_000);
      const began = performance.now();
      await repository.commit({ files: [[`fresh/${path}`, `${marker}\n\n${content}`]] });
      while (!(await ask(marker, '--mode', 'lexical')).hits.some(({ text }) => text.includes(marker))) {
        if (performance.now() - began > DEADLINE_MS) throw new Error(`${path} cannot be found after ${DEADLINE_MS} ms`);
        await sleep(LOOK_EVERY_MS);
      }
      times.push(performance.now() - began);
      await sleep((number % 7) * APART_MS);
    }
    const figure = (share: number): Figure => ({
      name: `commit to searchable, p${share * 100}`,
      value: quantile(times, share),
      unit: 'ms',
      aim: { atMost: 1_000 },
    });
    return [figure(0.5), figure(0.95)];
  } finally {
    await service.stop();
  }
};
