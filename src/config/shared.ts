import type { Config } from './schema.ts';

/** Nothing lies in the data directory: any number of processes share the log and the store, and none owns them. */
export const isShared = ({ log, store }: Pick<Config, 'log' | 'store'>): boolean =>
  log.kind !== 'embedded' && store.kind !== 'embedded';
