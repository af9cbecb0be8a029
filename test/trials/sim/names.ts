import { names } from '../../../src/config/names.ts';

export const INSTANCE = 'sim';
export const NAMES = names('default', { topics: undefined, alias: undefined });
