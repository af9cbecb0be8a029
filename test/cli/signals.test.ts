import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { interrupts } from '../../src/cli/signals.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

const bench = () => {
  const source = new EventEmitter();
  const ends: boolean[] = [];
  const { signal, close } = interrupts(source, Date.now, (waitedTooLong) => ends.push(waitedTooLong));
  return { source, ends, signal, close };
};

describe('being told to stop', () => {
  it('once asks to, and what npm says a second time at once counts as the same', () => {
    const { source, ends, signal } = bench();
    source.emit('SIGINT');
    source.emit('SIGINT');
    expect(signal.aborted).toBe(true);
    expect(ends).toEqual([]);
  });

  it('again, a while later, ends at once', () => {
    const { source, ends } = bench();
    source.emit('SIGINT');
    vi.advanceTimersByTime(2_000);
    source.emit('SIGTERM');
    expect(ends).toEqual([false]);
  });

  it('ends what does not come to an end before an orchestrator would kill it', () => {
    const { source, ends } = bench();
    source.emit('SIGTERM');
    vi.advanceTimersByTime(30_000);
    expect(ends).toEqual([true]);
  });

  it('is over with what it is about', () => {
    const { source, ends, close } = bench();
    source.emit('SIGTERM');
    close();
    vi.advanceTimersByTime(60_000);
    expect(ends).toEqual([]);
    expect(source.eventNames()).toEqual([]);
  });
});
