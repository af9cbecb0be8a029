/**
 * The only flow control there is: RxJS has none. What is taken from the log and not yet settled holds credits, records
 * and bytes, so that every buffer behind the window is bounded by it. Live goes first; while backfill waits and holds
 * less than a tenth, room for its next one is set aside, whatever its size, so that it ends however busy live is. Where
 * not both fit they take turns, so that large records of backfill do not keep live out either.
 */
import type { WindowLimits } from '../parts.ts';

export type Lane = 'live' | 'backfill';

export interface Window {
  readonly limits: WindowLimits;
  /** Resolves once the credit is held. `bytes` above the window's own never fit: the caller must not ask for them. */
  acquire(bytes: number, lane: Lane): Promise<void>;
  release(bytes: number, lane: Lane): void;
  held(): WindowLimits;
}

interface Waiting {
  readonly bytes: number;
  readonly admit: () => void;
}

export const creditWindow = (limits: WindowLimits): Window => {
  const waiting: Record<Lane, Waiting[]> = { live: [], backfill: [] };
  const records: Record<Lane, number> = { live: 0, backfill: 0 };
  const bytes: Record<Lane, number> = { live: 0, backfill: 0 };
  const reserve = { records: Math.max(1, Math.floor(limits.records / 10)), bytes: limits.bytes / 10 };
  /** Backfill went first while live waited: the next turn is live's. */
  let passed = false;

  const fits = (size: number, besides: number, besidesBytes: number) =>
    records.live + records.backfill + besides < limits.records &&
    bytes.live + bytes.backfill + size + besidesBytes <= limits.bytes;

  const next = (): Lane | undefined => {
    const [live] = waiting.live;
    const [backfill] = waiting.backfill;
    const less = records.backfill < reserve.records && bytes.backfill < reserve.bytes;
    const owed = backfill !== undefined && less && !passed;
    if (live && fits(live.bytes, owed ? 1 : 0, owed ? backfill.bytes : 0)) return 'live';
    if (backfill && (owed || !live) && fits(backfill.bytes, 0, 0)) return 'backfill';
    return undefined;
  };

  const admit = () => {
    for (let lane = next(); lane; lane = next()) {
      const first = waiting[lane].shift();
      if (!first) return;
      passed = lane === 'backfill' && waiting.live.length > 0;
      records[lane] += 1;
      bytes[lane] += first.bytes;
      first.admit();
    }
  };

  return {
    limits,
    acquire(size, lane) {
      if (size > limits.bytes) throw new RangeError(`${size} bytes can never fit a window of ${limits.bytes}`);
      return new Promise((resolve) => {
        waiting[lane].push({ bytes: size, admit: resolve });
        admit();
      });
    },
    release(size, lane) {
      records[lane] -= 1;
      bytes[lane] -= size;
      admit();
    },
    held: () => ({ records: records.live + records.backfill, bytes: bytes.live + bytes.backfill }),
  };
};
