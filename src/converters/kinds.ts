/** What kind of file a language stands for, as a filter of a search. */
import type { FileKind, Format } from './format.ts';
import { formats } from './registry.ts';

/** Of the format `code`, those that nobody would call code. */
const SETTINGS = new Set(['ini', 'ignore', 'requirements', 'gomod', 'xml', 'hcl', 'terraform', 'nix', 'cue']);
const DATA_FORMATS = new Set(['json', 'yaml', 'toml']);

const kindOf = ({ name }: Format, language: string): FileKind => {
  if (DATA_FORMATS.has(name) || SETTINGS.has(language)) return 'config';
  return name === 'code' ? 'code' : 'docs';
};

const kinds: ReadonlyMap<string, FileKind> = new Map(
  formats.flatMap((format) => format.kinds.map(({ language }) => [language, kindOf(format, language)] as const)),
);

/** The languages that files of these kinds are in. */
export const languagesOf = (wanted: readonly FileKind[]): readonly string[] =>
  [...kinds].flatMap(([language, kind]) => (wanted.includes(kind) ? [language] : []));
