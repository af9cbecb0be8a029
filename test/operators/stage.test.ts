import { firstValueFrom, lastValueFrom, of, pipe, Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { DeadLetter } from '../../src/errors.ts';
import {
  afterwards,
  deadLettered,
  done,
  settle,
  skipped,
  stage,
  stageOf,
  superseded,
} from '../../src/operators/stage.ts';
import type { Settled } from '../../src/ports.ts';
import { quiet } from '../support/fake-time.ts';
import { lent } from '../support/lent.ts';
import { recordedTelemetry } from '../support/telemetry.ts';

interface Box {
  readonly number: number;
}

const counted = (name: string, seen: string[], step: (box: Box) => Promise<Box | Settled>) =>
  stage<Box, Box>(name, (box) => {
    seen.push(name);
    return step(box);
  });

describe('a stage', () => {
  it('hands on what it makes of a value', async () => {
    const twice = stage<Box, Box>('twice', async ({ number }) => ({ number: 2 * number }));
    expect(await firstValueFrom(of({ number: 3 }).pipe(twice, twice))).toEqual({ number: 12 });
  });

  it.each([done, skipped('empty'), superseded('a newer want'), deadLettered('poison')])(
    'that settles a delivery as $outcome makes the later ones pass it by',
    async (outcome) => {
      const seen: string[] = [];
      const chain = pipe(
        counted('first', seen, async (box) => box),
        counted('second', seen, async () => outcome),
        counted('third', seen, async (box) => box),
      );
      expect(await firstValueFrom(of({ number: 1 }).pipe(chain))).toBe(outcome);
      expect(seen).toEqual(['first', 'second']);
    },
  );

  it('takes one value at a time', async () => {
    const seen: string[] = [];
    const gate = new Subject<void>();
    const slow = stage<Box, Box>('slow', async (box) => {
      seen.push(`start ${box.number}`);
      await firstValueFrom(gate);
      return box;
    });
    const work = lastValueFrom(of({ number: 1 }, { number: 2 }).pipe(slow));
    await quiet();
    expect(seen).toEqual(['start 1']);
    gate.next();
    await quiet();
    expect(seen).toEqual(['start 1', 'start 2']);
    gate.next();
    expect(await work).toEqual({ number: 2 });
  });

  it('leaves its name on what it throws, and throws it as it was', async () => {
    const error = new DeadLetter('poison', 'bad bytes');
    const chain = pipe(
      stage<Box, Box>('fine', async (box) => box),
      stage<Box, Box>('convert', () => Promise.reject(error)),
      stage<Box, Box>('later', async (box) => box),
    );
    await expect(firstValueFrom(of({ number: 1 }).pipe(chain))).rejects.toBe(error);
    expect(stageOf(error)).toBe('convert');
  });

  it('is unknown for what no stage threw, and for what is no object', async () => {
    expect(stageOf(new Error('elsewhere'))).toBe('unknown');
    const chain = stage<Box, Box>('convert', () => Promise.reject('a string'));
    await expect(firstValueFrom(of({ number: 1 }).pipe(chain))).rejects.toBe('a string');
    expect(stageOf('a string')).toBe('unknown');
    expect(stageOf(null)).toBe('unknown');
  });
});

describe('what is owed afterwards', () => {
  it('is done before the delivery goes on, and does not change how it ended', async () => {
    const seen: string[] = [];
    const owed = afterwards(async () => {
      await quiet();
      seen.push('owed');
    });
    expect(await firstValueFrom(of(superseded('no want')).pipe(owed))).toEqual(superseded('no want'));
    expect(seen).toEqual(['owed']);
  });

  it('ends the flow when it cannot be done', async () => {
    const error = new Error('the store is corrupt');
    await expect(firstValueFrom(of(done).pipe(afterwards(() => Promise.reject(error))))).rejects.toBe(error);
  });
});

describe('settling', () => {
  it('gives back each delivery of the work once, and says how it ended', async () => {
    const telemetry = recordedTelemetry();
    const [one, two] = [lent({ key: 'a' }), lent({ key: 'b' })];
    const settling = settle({ telemetry }, 'index', [{ delivery: one }, { delivery: two }]);
    expect(await firstValueFrom(of(skipped('empty')).pipe(settling))).toEqual(skipped('empty'));
    expect([one.settled, two.settled]).toEqual([1, 1]);
    expect(telemetry.told).toEqual([
      ['settled', { flow: 'index', outcome: 'skipped', reason: 'empty', key: 'a' }],
      ['settled', { flow: 'index', outcome: 'skipped', reason: 'empty', key: 'b' }],
    ]);
  });

  it('does not happen when the work fails', async () => {
    const delivery = lent();
    const failing = stage<Box, Settled>('store', () => Promise.reject(new Error('a fault')));
    const work = of({ number: 1 }).pipe(failing, settle({ telemetry: recordedTelemetry() }, 'plan', [{ delivery }]));
    await expect(firstValueFrom(work)).rejects.toThrow('a fault');
    expect(delivery.settled).toBe(0);
  });
});
