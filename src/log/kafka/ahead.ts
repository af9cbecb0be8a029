import type { LogRecord } from '../../ports.ts';
import { MIB } from '../../units.ts';
import type { Assignment } from './assignment.ts';

/** Fetching stops at the high mark and goes on at the low one: what a paused partition has just sent is thrown away. */
const HIGH = { records: 8_000, bytes: 8 * MIB };
const LOW = { records: 4_000, bytes: 4 * MIB };
const TRIM_AT = 1_000;

export interface Waiting {
  readonly record: LogRecord;
  /** A record of another assignment than the one that holds is no delivery any more. */
  readonly of: Assignment;
}

/** What was handed over and waits to be asked for, in its order. */
export interface ReadAhead {
  push(waiting: Waiting): void;
  take(): Waiting | undefined;
  clear(): void;
  /** To be called when records were pushed, and at each assignment with `anew`, since kafkajs may have forgotten. */
  steer(anew?: boolean): void;
}

export const readAhead = (fetching: { pause(): void; resume(): void }): ReadAhead => {
  const queue: Waiting[] = [];
  let head = 0;
  let bytes = 0;
  let paused = false;

  const steer = (anew = false) => {
    const records = queue.length - head;
    if (paused && (anew || (records <= LOW.records && bytes <= LOW.bytes))) {
      paused = false;
      fetching.resume();
    } else if (!paused && (records >= HIGH.records || bytes >= HIGH.bytes)) {
      paused = true;
      fetching.pause();
    }
  };

  return {
    steer,
    push(waiting) {
      bytes += sizeOf(waiting);
      queue.push(waiting);
    },
    take() {
      const next = queue[head];
      if (!next) return undefined;
      head += 1;
      bytes -= sizeOf(next);
      if (head >= TRIM_AT && head * 2 > queue.length) {
        queue.splice(0, head);
        head = 0;
      }
      steer();
      return next;
    },
    clear() {
      queue.length = 0;
      head = 0;
      bytes = 0;
    },
  };
};

const sizeOf = ({ record }: Waiting): number => record.key.length + (record.value?.byteLength ?? 0);
