/** All formats, and which of them a file is in. Adding a format is one file beside this one and one line here. */
import { code } from './code.ts';
import type { Format, Kind } from './format.ts';
import { json } from './json.ts';
import { markdown } from './markdown.ts';
import { notebook } from './notebook.ts';
import { plain, plainKind } from './plain.ts';
import { toml } from './toml.ts';
import { yaml } from './yaml.ts';

export const formats: readonly Format[] = [markdown, plain, code, json, yaml, toml, notebook];

export interface Claim {
  readonly format: Format;
  readonly kind: Kind;
}

/** By name, by extension, by program. A later claim to the same would be a mistake, which a test finds. */
const claimsBy = (words: (kind: Kind) => readonly string[] | undefined): ReadonlyMap<string, Claim> =>
  new Map(
    formats.flatMap((format) =>
      format.kinds.flatMap((kind) => (words(kind) ?? []).map((word) => [word, { format, kind }] as const)),
    ),
  );

const byName = claimsBy((kind) => kind.names);
const byExtension = claimsBy((kind) => kind.extensions);
const byProgram = claimsBy((kind) => kind.programs);
const otherText: Claim = { format: plain, kind: plainKind };

const SHEBANG = /^#![ \t]*(?:\S*\/)?(?:env[ \t]+(?:-\S+[ \t]+)*(?:\w+=\S*[ \t]+)*)?(?:\S*\/)?([\w+-]+)/;

/** The program that a script asks for, without its version. */
const programOf = (head: string): string | undefined =>
  SHEBANG.exec(head)?.[1]
    ?.toLowerCase()
    .replace(/[-\d]+$/, '');

/**
 * The file's own name first (`CMakeLists.txt` is no plain text), then its extension, the longest first, then its
 * shebang; a variant such as `Dockerfile.alpine` or `README.de` last. Everything else that reads as text is plain.
 */
export const claimOf = (path: string, head: string): Claim => {
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase();
  const named = byName.get(name);
  if (named) return named;
  for (let dot = name.indexOf('.'); dot >= 0; dot = name.indexOf('.', dot + 1)) {
    const claim = byExtension.get(name.slice(dot + 1));
    if (claim) return claim;
  }
  return byProgram.get(programOf(head.slice(0, 200)) ?? '') ?? byName.get(name.split('.', 1)[0] ?? '') ?? otherText;
};

/** What the texts of today owe to today's converters: part of the hash that says which documents to make again. */
export const formatRules = (all: readonly Pick<Format, 'name' | 'version'>[] = formats): string =>
  all
    .map(({ name, version }) => `${name}@${version}`)
    .sort()
    .join(' ');
