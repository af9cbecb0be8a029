/** Every task, one line each. Whoever asks needs its types alone: the process that holds the data directory loads it. */
import type { z } from 'zod';
import { deadLetter, deadLetterStats, deadLetters, discard, replay } from './tasks/dead-letters.ts';
import { document, documents } from './tasks/documents.ts';
import { reindex, rollback } from './tasks/generations.ts';
import { ensureHooks, listHooks, removeHooks } from './tasks/hooks.ts';
import { questionTasks, searchAs, status } from './tasks/questions.ts';
import { backfill, cancelRun, estimate } from './tasks/runs.ts';
import { approve, forget, verify } from './tasks/upkeep.ts';

export const tasks = {
  ...questionTasks,
  status,
  searchAs,
  backfill,
  cancelRun,
  estimate,
  documents,
  document,
  deadLetters,
  deadLetter,
  deadLetterStats,
  replay,
  discard,
  verify,
  approve,
  forget,
  reindex,
  rollback,
  ensureHooks,
  listHooks,
  removeHooks,
} as const;

export type TaskName = keyof typeof tasks;
type Run<Name extends TaskName> = (typeof tasks)[Name]['run'];
export type InputOf<Name extends TaskName> = z.input<(typeof tasks)[Name]['input']>;
export type ToldOf<Name extends TaskName> = Parameters<Parameters<Run<Name>>[0]['tell']>[0];
export type ResultOf<Name extends TaskName> = Awaited<ReturnType<Run<Name>>>;
