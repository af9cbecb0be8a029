/** What a process and all that it started take: read from /proc, so processor time and memory are told on Linux alone. */
import { readdirSync, readFileSync } from 'node:fs';
import { KIB } from '../src/units.ts';

const SAMPLE_MS = 250;
const TICKS_PER_SECOND = 100;
/** Of /proc/<pid>/stat, counted behind the name. */
const [PARENT, CHILDREN_USER, CHILDREN_SYSTEM] = [1, 13, 14];

const statOf = (pid: number | string): string[] | undefined => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch {
    return undefined; // It has ended, or there is no /proc.
  }
};

const all = () => {
  try {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  } catch {
    return [];
  }
};

/** Shared pages in proportion: a process that is about to become git shares all of its parent's for some milliseconds. */
const proportionalBytes = (pid: number): number => {
  try {
    const [, kibibytes] = /^Pss:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'latin1')) ?? [];
    return Number(kibibytes ?? 0) * KIB;
  } catch {
    return 0; // It has ended.
  }
};

/** Of the process and its descendants together. */
const residentBytes = (root: number): number => {
  const found = all().flatMap((name) => {
    const stat = statOf(name);
    return stat ? [{ pid: Number(name), parent: Number(stat[PARENT]) }] : [];
  });
  const tree = new Set([root]);
  for (let grown = true; grown; ) {
    grown = false;
    for (const { pid, parent } of found) {
      if (tree.has(pid) || !tree.has(parent)) continue;
      tree.add(pid);
      grown = true;
    }
  }
  return [...tree].reduce((sum, pid) => sum + proportionalBytes(pid), 0);
};

export interface Watched {
  /** The most that was seen at once. */
  peakBytes(): number;
  stop(): void;
}

export const watchMemory = (pid: number): Watched => {
  let peak = 0;
  const look = () => {
    peak = Math.max(peak, residentBytes(pid));
  };
  const timer = setInterval(look, SAMPLE_MS);
  return { peakBytes: () => peak, stop: () => clearInterval(timer) };
};

/** Of all children of this process that have ended, with theirs: the difference around a child is what it took. */
export const childrenSeconds = (): number => {
  const stat = statOf('self');
  return stat ? (Number(stat[CHILDREN_USER]) + Number(stat[CHILDREN_SYSTEM])) / TICKS_PER_SECOND : Number.NaN;
};
