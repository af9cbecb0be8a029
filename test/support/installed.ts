/** Transformers.js is an optional dependency: where it was left out, what needs it is not tested. */
import { createRequire } from 'node:module';

const resolves = (name: string): boolean => {
  try {
    return createRequire(import.meta.url).resolve(name) !== '';
  } catch {
    return false;
  }
};

export const installed = resolves('@xenova/transformers');
