/** What lies in the package beside its code, seen from `src` and `dist` alike: models, words, and what it says of itself. */
import { readFileSync } from 'node:fs';
import { StopFlow } from './errors.ts';

const directory = new URL('../', import.meta.url);

export const packagedFile = (path: string): Buffer => {
  try {
    return readFileSync(new URL(path, directory));
  } catch (cause) {
    throw new StopFlow(`read ${path} of the package in ${directory.pathname}: install tidemark again`, { cause });
  }
};

export const packagedVersion = (): string =>
  (JSON.parse(packagedFile('package.json').toString('utf8')) as { version: string }).version;
