/**
 * What a file reaches for beyond the repository that it lies in: variables, hosts, files, and callers that it lets in.
 * Whoever clones a repository has not read its `tidemark.yaml`, so one that was merely found gets none of it before a
 * person has said so. Told from the file as it is written, and nothing is filled in for it.
 */
import { isIPv4 } from 'node:net';
import { isAbsolute, relative, resolve, sep } from 'node:path';
import { z } from 'zod';
import { BadConfiguration } from '../errors.ts';
import { isTree, type Overridden } from './environment.ts';
import { variablesIn } from './expand.ts';
import type { OptionMeta, Reaches } from './options.ts';
import { isDirectory, isRemote } from './paths.ts';
import { dotted, oneLine, type Path } from './problems.ts';
import { configSchema } from './schema.ts';
import { below, describe, optionsOf, sectionFor } from './walk.ts';

export interface Reach {
  readonly path: Path;
  /** In words, without any value that might be a secret. */
  readonly what: string;
}

/** A configuration that nobody has vouched for, and that reaches for something. */
export class Untrusted extends BadConfiguration {
  /** What stands in the file, with nothing filled in. */
  readonly written: object;
  constructor(file: string, reaches: readonly Reach[], written: object) {
    super(
      `${oneLine(file)} was found, and nobody has said that it is to be trusted. It reaches for:\n${listed(reaches)}\n` +
        'Nothing of it was done. Look at it, and say tidemark trust; or name it, by --config FILE or TIDEMARK_CONFIG',
    );
    this.written = written;
  }
}

const MAX_LISTED = 50;

export const listed = (reaches: readonly Reach[]): string => {
  const lines = reaches.slice(0, MAX_LISTED).map(({ path, what }) => `  ${oneLine(dotted(path))}: ${what}`);
  return [...lines, ...(reaches.length > MAX_LISTED ? [`  and ${reaches.length - MAX_LISTED} more`] : [])].join('\n');
};

export interface Ground {
  /** What paths in the file are relative to. */
  readonly base: string;
  /** The repository, or the directory of the file where there is none. */
  readonly root: string;
  /** Where a path leads when every link is followed, whether or not something is there. */
  readonly real: (path: string) => Promise<string>;
}

/** What the environment has set is the word of whoever set it, and is left out. */
export const reachesOf = async (overridden: Overridden, ground: Ground): Promise<readonly Reach[]> => {
  const found: Reach[] = [];
  for (const { path, text, meta, around } of textsOf(overridden)) {
    const variables = new Set(variablesIn(text));
    for (const name of variables) found.push({ path, what: `the variable ${name}` });
    const what = meta.reaches && (await beyond(meta.reaches, { text, around, isWhole: variables.size === 0 }, ground));
    if (what) found.push({ path, what });
  }
  return found;
};

interface Text {
  readonly path: Path;
  readonly text: string;
  readonly meta: OptionMeta;
  /** The section that it is an option of. */
  readonly around: unknown;
}

/** Every text that stands in the file, also where no option is, and those that hold where the file says nothing. */
const textsOf = ({ tree, origins }: Overridden): readonly Text[] => {
  const texts: Text[] = [];
  const look = (path: Path, given: unknown, schema: z.ZodType | undefined, around: unknown): void => {
    if (origins.has(dotted(path))) return;
    const { core, meta, fallback } = describe(schema ?? z.unknown());
    // What holds without a word belongs to the kind, and that may be the environment's choice.
    const usual = origins.has(dotted([...path.slice(0, -1), 'kind'])) ? undefined : fallback;
    const value = given ?? usual;
    const items = Array.isArray(value) ? [...value.keys()] : isTree(value) ? keysOf(core, value) : [];
    for (const key of items)
      look([...path, key], Reflect.get(value as object, key), schema && below(schema, key, value), value);
    if (typeof value === 'string') texts.push({ path, text: value, meta, around });
  };
  look([], tree, configSchema, undefined);
  return texts;
};

const keysOf = (core: z.ZodType, value: object): readonly string[] => {
  const section = sectionFor(core, value);
  return [...new Set([...Object.keys(value), ...(section ? optionsOf(section).map(([name]) => name) : [])])];
};

interface Told {
  readonly text: string;
  readonly around: unknown;
  /** No part of it is a variable's. */
  readonly isWhole: boolean;
}

const beyond = async (reaches: Reaches, told: Told, ground: Ground): Promise<string | undefined> => {
  const { text, around, isWhole } = told;
  switch (reaches) {
    case 'host':
      return hostIn(text);
    case 'hub':
      return isDirectory(modelOf(around)) ? undefined : hostIn(text);
    case 'model':
      return isDirectory(text) ? fileAt(text) : undefined;
    case 'file':
      return fileAt(text);
    case 'place':
      if (isRemote(text)) return hostIn(text) ?? fileAt(text);
      return (await isInside(text, ground)) ? undefined : fileAt(text);
    case 'caller':
      return isWhole ? 'lets in whoever knows what stands there' : undefined;
  }
};

const fileAt = (path: string): string => `the file or directory ${JSON.stringify(oneLine(path))}`;

const modelOf = (around: unknown): string => (isTree(around) && typeof around.model === 'string' ? around.model : '');

const isInside = async (path: string, { base, root, real }: Ground): Promise<boolean> => {
  const [inside, from] = [relative(await real(root), await real(resolve(base, path))), `..${sep}`];
  return inside !== '..' && !inside.startsWith(from) && !isAbsolute(inside);
};

/** Of a URL, an address with a port, or an address as git writes it. Whatever stands before and after it may be a secret. */
const hostIn = (text: string): string | undefined => {
  // What is no URL is refused where one is expected.
  if (text.includes('://') && !URL.canParse(text)) return undefined;
  const url = text.includes('://') ? new URL(text) : undefined;
  const host = url ? url.hostname : text.replace(/^[^@]*@/, '').replace(/^(\[[^\]]*\]|[^:/]*)[:/].*$/s, '$1');
  return isLoopback(url ? host : text) || isLoopback(host) ? undefined : `the host ${JSON.stringify(oneLine(host))}`;
};

const isLoopback = (host: string): boolean => {
  const name = host.replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || name === '::1' || (isIPv4(name) && name.startsWith('127.'));
};
