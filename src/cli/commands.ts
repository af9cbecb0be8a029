/** Every command, one line each. */

import type { Command } from './command.ts';
import { api } from './commands/api.ts';
import { approve } from './commands/approve.ts';
import { backfill } from './commands/backfill.ts';
import { completionsOf } from './commands/completions.ts';
import { configCheck } from './commands/config-check.ts';
import { configSchemaCommand, configShow } from './commands/config-show.ts';
import {
  deadLettersDiscard,
  deadLettersList,
  deadLettersReplay,
  deadLettersShow,
  deadLettersStats,
} from './commands/dead-letters.ts';
import { doctor } from './commands/doctor.ts';
import { documents, documentsShow } from './commands/documents.ts';
import { forget } from './commands/forget.ts';
import { hooksEnsure, hooksList, hooksRemove } from './commands/gitlab-hooks.ts';
import { init } from './commands/init.ts';
import { inspect } from './commands/inspect.ts';
import { mcp } from './commands/mcp.ts';
import { rebuild } from './commands/rebuild.ts';
import { reindex, rollback } from './commands/reindex.ts';
import { search } from './commands/search.ts';
import { serve } from './commands/serve.ts';
import { status } from './commands/status.ts';
import { topicsPrint } from './commands/topics-print.ts';
import { trust } from './commands/trust.ts';
import { verify } from './commands/verify.ts';

export const commands: readonly Command[] = [
  serve,
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
  rebuild,
  mcp,
  topicsPrint,
  inspect,
  init,
  trust,
  doctor,
  configCheck,
  configShow,
  configSchemaCommand,
  completionsOf(() => commands),
];
