import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';
import { loadConfig } from '../../src/config/load.ts';
import { neverTrusted } from '../support/found.ts';

const ROOT = new URL('../../', import.meta.url);
export const inRepository = (path: string): string => fileURLToPath(new URL(path, ROOT));
export const textOf = (path: string): string => readFileSync(inRepository(path), 'utf8');
export const yamlOf = (path: string) => parse(textOf(path), { merge: true });
export const resourcesOf = (path: string) => parseAllDocuments(textOf(path)).map((document) => document.toJS());

/** The configuration as a container reads it. Throws with all that is wrong in it. */
export const configOf = async (content: string, env: Readonly<Record<string, string>>) =>
  (
    await loadConfig({
      env: { ...env, TIDEMARK_CONFIG: '/etc/tidemark/tidemark.yaml' },
      cwd: '/app',
      read: async () => content,
      found: neverTrusted,
    })
  ).config;

/** What the image says of itself. */
export const image = () => {
  const lines = textOf('Dockerfile').replaceAll('\\\n', ' ').split('\n');
  const values = (word: string) =>
    lines.filter((line) => line.startsWith(`${word} `)).map((line) => line.slice(word.length + 1).trim());
  return { lines, values, user: Number(values('USER').at(-1)?.split(':')[0]), port: Number(values('EXPOSE')[0]) };
};
