/** Every command, one line each. */
import type { Command, DataCommand } from './command.ts';
import { configCheck } from './config-check.ts';
import { search } from './search.ts';
import { serveWith } from './serve.ts';

/** Run in the process that holds the data directory, for whoever asks. */
export const dataCommands: readonly DataCommand[] = [search];

export const commands: readonly Command[] = [serveWith(dataCommands), ...dataCommands, configCheck];
