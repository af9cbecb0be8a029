/** Every command, one line each. */
import { api } from './api.ts';
import { approve } from './approve.ts';
import { backfill } from './backfill.ts';
import type { Command, DataCommand } from './command.ts';
import { completionsOf } from './completions.ts';
import { configCheck } from './config-check.ts';
import { configSchemaCommand, configShow } from './config-show.ts';
import {
  deadLettersDiscard,
  deadLettersList,
  deadLettersReplay,
  deadLettersShow,
  deadLettersStats,
} from './dead-letters.ts';
import { doctor } from './doctor.ts';
import { documents, documentsShow } from './documents.ts';
import { forget } from './forget.ts';
import { hooksEnsure, hooksList, hooksRemove } from './gitlab-hooks.ts';
import { init } from './init.ts';
import { inspect } from './inspect.ts';
import { mcpWith } from './mcp.ts';
import { rebuildWith } from './rebuild.ts';
import { reindex, rollback } from './reindex.ts';
import { search } from './search.ts';
import { serveWith } from './serve.ts';
import { status } from './status.ts';
import { topicsPrint } from './topics-print.ts';
import { trust } from './trust.ts';
import { verify } from './verify.ts';

/** Run in the process that holds the data directory, for whoever asks. */
export const dataCommands: readonly DataCommand[] = [
  search,
  status,
  backfill,
  documents,
  documentsShow,
  deadLettersList,
  deadLettersShow,
  deadLettersStats,
  deadLettersReplay,
  deadLettersDiscard,
  verify,
  approve,
  forget,
  hooksEnsure,
  hooksList,
  hooksRemove,
  reindex,
  rollback,
  api,
];

export const commands: readonly Command[] = [
  serveWith(dataCommands),
  ...dataCommands,
  rebuildWith(dataCommands),
  mcpWith(dataCommands),
  topicsPrint,
  inspect,
  init,
  trust,
  doctor(dataCommands),
  configCheck,
  configShow,
  configSchemaCommand,
  completionsOf(() => commands),
];
