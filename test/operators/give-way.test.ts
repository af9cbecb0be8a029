import { describe, expect, it } from 'vitest';
import { giveWay } from '../../src/operators/give-way.ts';
import { SECOND } from '../../src/units.ts';
import { quiet } from '../support/fake-time.ts';
import { GENERATION, memoryParts } from '../support/memory-parts.ts';
import { NAMES } from '../trials/sim/names.ts';

const { topics, groups } = NAMES;

const bench = async () => {
  const memory = await memoryParts();
  const { parts, time } = memory;
  const admit = giveWay(parts);
  let admitted = 0;
  /** Asks again and again, as the backfill lane does, for as long as it is let in. */
  const ask = async () => {
    for (;;) {
      await admit();
      admitted += 1;
      // A task of its own, so that whoever is always let in does not hold up the test.
      await quiet(1);
    }
  };
  const index = parts.log.read(topics.documents, groups.index(GENERATION))[Symbol.asyncIterator]();
  const behind = async () => {
    await parts.log.append(topics.documents, [{ key: 'k', value: new Uint8Array(1) }]);
    await time.advance(SECOND + 1);
  };
  const settleNext = async () => (await index.next()).value?.settle();
  return { ...memory, admit, ask, behind, settleNext, admitted: () => admitted };
};

describe('giving way', () => {
  it('lets backfill in while index is up to date, and does not ask about it each time', async () => {
    const { admit, time } = await bench();
    for (let count = 0; count < 1_000; count += 1) await admit();
    expect(time.slept).toEqual([]);
  });

  it('lets it in while what index has not settled is younger than a second', async () => {
    const { admit, parts, time } = await bench();
    await parts.log.append(topics.documents, [{ key: 'k', value: new Uint8Array(1) }]);
    await time.advance(SECOND - 1);
    await admit();
    expect(time.slept).toEqual([]);
  });

  it('lets one in each second while index is behind and gets nothing done', async () => {
    const { ask, behind, time, admitted } = await bench();
    await behind();
    ask();
    await quiet();
    expect(admitted()).toBe(0);
    for (let second = 1; second <= 5; second += 1) {
      await time.advance(SECOND);
      await quiet(20);
      expect(admitted()).toBe(second);
    }
  });

  it('lets in a tenth of what index gets done while it is behind', async () => {
    const { ask, behind, settleNext, time, admitted } = await bench();
    for (let count = 0; count < 100; count += 1) await behind();
    ask();
    await quiet(20);
    for (let count = 0; count < 40; count += 1) await settleNext();
    await quiet(20);
    await time.advance(SECOND);
    await quiet(20);
    expect(admitted()).toBe(4);
  });

  it('lets everything in again when index has caught up', async () => {
    const { admit, behind, settleNext, time } = await bench();
    await behind();
    const first = admit();
    await time.advance(SECOND);
    await first;
    await settleNext();
    await quiet();
    const slept = time.slept.length;
    for (let count = 0; count < 100; count += 1) await admit();
    expect(time.slept).toHaveLength(slept);
  });

  it('notices within a quarter of a second that index has fallen behind', async () => {
    const { admit, behind, time } = await bench();
    await admit();
    await behind();
    const second = admit();
    await quiet();
    expect(time.sleepers()).toBe(1);
    await time.advance(SECOND);
    await second;
  });

  it('looks at the generation that answers, and at none when there is none', async () => {
    const { admit, behind, state, time } = await bench();
    await behind();
    const row = state.inspectOne('generations', 'generations');
    if (!row) throw new Error('no generation');
    await state.remove('generations', [row]);
    await admit();
    expect(time.slept).toEqual([]);
  });
});
