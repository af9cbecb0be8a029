/** What kind of file a language stands for, as a filter of a search. */
import type { FileKind, Format } from './format.ts';
import { type Claim, formats } from './registry.ts';

/** Of the format `code`, those that nobody would call code. */
const SETTINGS = new Set(['ini', 'ignore', 'requirements', 'gomod', 'xml', 'hcl', 'terraform', 'nix', 'cue']);
/** Of `code`, those in which a value may stand without quotes. */
const UNQUOTED = new Set('batch dockerfile erb fish handlebars html jinja liquid makefile shell'.split(' '));
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

/** Of programs, where what is assigned without quotes is an expression. */
export const isQuoting = ({ format, kind }: Claim): boolean =>
  kindOf(format, kind.language) === 'code' && !UNQUOTED.has(kind.language);
