/** From what the schema refuses to a sentence with what was expected and the nearest name. */
import type { z } from 'zod';
import { MASK, maskedText } from '../errors.ts';
import { alternatives } from './options.ts';
import { configSchema, PIPELINE_NAME_WORDS } from './schema.ts';
import {
  below,
  describe,
  elementOf,
  expectation,
  isChoice,
  isSection,
  kindOf,
  optionsOf,
  sectionFor,
  sectionsOf,
} from './walk.ts';

export type Path = readonly PropertyKey[];

export interface Problem {
  readonly path: Path;
  readonly message: string;
  /** The key is not wanted, whatever its value. */
  readonly stray?: boolean;
}

/** What a file holds, fit for a line of its own: nothing in it ends the line or moves the cursor. */
export const oneLine = (text: string): string => text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Surrogate}]/gu, '\ufffd');

export const dotted = (path: Path): string =>
  path.reduce<string>((text, key) => {
    if (typeof key === 'number') return `${text}[${key}]`;
    return text === '' ? String(key) : `${text}.${String(key)}`;
  }, '');

/** The schema and the value at a path. Neither need be there. */
const lookUp = (path: Path, tree: unknown): { schema: z.ZodType | undefined; value: unknown } => {
  let schema: z.ZodType | undefined = configSchema;
  let value = tree;
  for (const key of path) {
    schema = schema && below(schema, key, value);
    value = (value as Record<PropertyKey, unknown> | undefined | null)?.[key];
  }
  return { schema, value };
};

const quoted = (value: unknown, isSecret: boolean): string => {
  if (value === undefined || value === null) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a section';
  if (isSecret) return MASK;
  const text = maskedText(String(value));
  const short = isOpaque(text) ? `${text.slice(0, 4)}…` : text.length > 60 ? `${text.slice(0, 60)}…` : text;
  return typeof value === 'string' ? `"${short}"` : short;
};

/** A long word of letters and digits may be a token in the wrong place; its first letters tell whoever wrote it which. */
const isOpaque = (text: string): boolean => /^[\w.~+=-]{16,}$/.test(text) && /\d/.test(text) && /[a-z]/i.test(text);

/** Whether what was meant to stand there, or in it, is a secret: it may have been written without its section. */
const holdsSecret = (schema: z.ZodType): boolean => {
  const { core, meta } = describe(schema);
  if (meta.secret) return true;
  const element = elementOf(core);
  const sections = isChoice(core) ? sectionsOf(core) : isSection(core) ? [core] : [];
  return (
    (element !== undefined && holdsSecret(element)) ||
    sections.some((section) => optionsOf(section).some(([, option]) => holdsSecret(option)))
  );
};

const isKind = (schema: z.ZodType, value: unknown): boolean => {
  const { core } = describe(schema);
  return isChoice(core) && sectionsOf(core).some((section) => kindOf(section) === value);
};

/** `written` is what the file has at a path where variables have made another text of it. */
export const problemsOf = (
  issue: z.core.$ZodIssue,
  tree: unknown,
  written: (path: Path) => string | undefined,
): readonly Problem[] => {
  const { path } = issue;
  const { schema, value } = lookUp(path, tree);
  if (issue.code === 'unrecognized_keys') {
    const section = schema && sectionFor(describe(schema).core, value);
    const known = section ? optionsOf(section).map(([name]) => name) : [];
    return issue.keys.map((key) => ({ path: [...path, key], stray: true, message: strayed(key, known) }));
  }
  if (issue.code === 'invalid_key')
    return [{ path, message: `expected ${PIPELINE_NAME_WORDS}, got "${String(path.at(-1))}"` }];
  const got = quoted(written(path) ?? value, schema !== undefined && holdsSecret(schema) && !isKind(schema, value));
  const kinds =
    issue.code === 'invalid_union' && 'options' in issue && Array.isArray(issue.options)
      ? issue.options.map(String)
      : [];
  const expected = kinds.length > 0 ? alternatives(kinds) : schema ? expectation(schema) : issue.message;
  const least = issue.code === 'too_small' && issue.origin === 'array' ? `, at least ${issue.minimum}` : '';
  return [{ path, message: `expected ${expected}${least}, got ${got}` }];
};

const strayed = (key: string, known: readonly string[]): string => {
  const near = nearest(key, known);
  if (near) return `there is no such option: did you mean "${near}"?`;
  return known.length > 0 ? `there is no such option; there are ${known.join(', ')}` : 'there is no such option';
};

/** The name that the fewest slips of the finger turn into this one, if those are few enough to be slips. */
export const nearest = (name: string, known: readonly string[]): string | undefined => {
  const [best] = known
    .map((candidate) => ({ candidate, slips: slips(name.toLowerCase(), candidate.toLowerCase()) }))
    .sort((a, b) => a.slips - b.slips);
  return best && best.slips <= Math.max(1, Math.ceil(best.candidate.length / 3)) ? best.candidate : undefined;
};

/** Letters that are missing, too many, wrong, or swapped with their neighbour. */
const slips = (from: string, to: string): number => {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, at) => at)];
  const cell = (i: number, j: number): number => rows[i]?.[j] ?? Number.POSITIVE_INFINITY;
  for (let i = 1; i <= from.length; i += 1) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= to.length; j += 1) {
      const same = from[i - 1] === to[j - 1];
      const swapped = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      row.push(
        Math.min(
          cell(i - 1, j) + 1,
          cell(i, j - 1) + 1,
          cell(i - 1, j - 1) + (same ? 0 : 1),
          swapped ? cell(i - 2, j - 2) + 1 : Number.POSITIVE_INFINITY,
        ),
      );
    }
  }
  return cell(from.length, to.length);
};
