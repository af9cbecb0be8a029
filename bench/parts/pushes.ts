import { setTimeout as sleep } from 'node:timers/promises';
import { SECOND } from '../../src/units.ts';
import { searching } from '../ask.ts';
import { onKafka } from '../broker.ts';
import { type Figure, quantile } from '../figures.ts';
import type { Stage } from '../stage.ts';
import { texts } from '../texts.ts';

const PUSHES = 60;
const LOOK_EVERY_MS = 50;
const DEADLINE_MS = 120 * SECOND;

/** A push each second while the service on Kafka fills its index: from the commit to the search that finds it. */
export const pushes = async (stage: Stage): Promise<readonly Figure[]> => {
  const repository = await stage.repository(stage.halfOfSmall);
  return onKafka(repository.directory, async (env) => {
    const { data, left, stop } = await stage.filling(stage.halfOfSmall, env);
    try {
      const ask = await searching(data);
      await ask('warm up', '--mode', 'lexical');
      const source = texts(98);
      const word = `pushed${Date.now()}`;
      const waiting = new Map<string, number>();
      const times: number[] = [];
      let pushing = true;
      const push = async () => {
        const first = performance.now();
        for (let number = 0; number < PUSHES; number += 1) {
          await sleep(Math.max(0, first + number * SECOND - performance.now()));
          const marker = `${word}number${number}`;
          const { path, content } = source.file(number, 1_000);
          waiting.set(marker, performance.now());
          await repository.commit({ files: [[`pushed/${path}`, `${word} ${marker}\n\n${content}`]] });
        }
        pushing = false;
      };
      // One question for all: were each asked for by itself, they would wait for each other's answers.
      const find = async () => {
        while (pushing || waiting.size > 0) {
          const { hits } = await ask(word, '--mode', 'lexical', '--limit', String(PUSHES));
          const now = performance.now();
          for (const [marker, began] of waiting) {
            if (now - began > DEADLINE_MS) throw new Error(`${marker} cannot be found after ${DEADLINE_MS} ms`);
            if (!hits.some(({ text }) => text.split(/\s/).includes(marker))) continue;
            times.push(now - began);
            waiting.delete(marker);
          }
          await sleep(LOOK_EVERY_MS);
        }
      };
      await Promise.all([push(), find()]);
      const remaining = await left();
      return [
        { name: 'push amid a backfill on Kafka to searchable, p50', value: quantile(times, 0.5), unit: 'ms' },
        {
          name: 'push amid a backfill on Kafka to searchable, p95',
          value: quantile(times, 0.95),
          unit: 'ms',
          aim: { atMost: 5 * SECOND },
        },
        // With nothing left the pushes had the service to themselves, and the figures above say little.
        {
          name: 'push amid a backfill on Kafka: files that were still to come at the end',
          value: remaining,
          unit: 'files',
          aim: { atLeast: 1 },
        },
      ];
    } finally {
      await stop();
    }
  });
};
