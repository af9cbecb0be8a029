/** How files are judged that nobody has named, where no disk is looked at. */
import type { Found } from '../../src/config/load.ts';

export const alwaysTrusted: Found = {
  root: undefined,
  real: async (path) => path,
  isTrusted: async () => true,
};

export const neverTrusted: Found = { ...alwaysTrusted, isTrusted: async () => false };
