/**
 * The few kinds of value that an option can have. Each says in words what it expects, which is what errors and the
 * reference page quote; numbers may also come as text, since `${VAR}` and the environment bring nothing else.
 */
import { z } from 'zod';
import { GIB, KIB, MIB } from '../units.ts';

/** What stands beside an option: description, default and example are the documentation, word for word. */
export interface OptionMeta {
  readonly description?: string;
  readonly example?: unknown;
  /** In words, where the default depends on something. */
  readonly otherwise?: string;
  readonly expected?: string;
  readonly secret?: boolean;
  readonly reaches?: Reaches;
}

/**
 * What its value is good for beyond the repository that the file lies in, which a file that was merely found may not
 * have (`reach.ts`): a `host` that is asked or answered, a `file` that is read or a directory that is written, a `place`
 * that is a file as soon as it lies outside, a `caller` who is let in by knowing it. A `model` is a directory or a name
 * on a `hub`.
 */
export type Reaches = 'host' | 'file' | 'place' | 'caller' | 'model' | 'hub';

export const option = <T extends z.ZodType>(
  schema: T,
  description: string,
  about: Pick<OptionMeta, 'example' | 'otherwise' | 'secret' | 'reaches'> = {},
): T => schema.meta({ ...about, description });

export const text = () => z.string().min(1).meta({ expected: 'text' });

/** A file by its path. */
export const file = () => z.string().min(1).meta({ expected: 'text', reaches: 'file' });

export const secret = () => z.string().meta({ expected: 'text', secret: true });

export const pattern = (of: RegExp, expected: string) => z.string().regex(of).meta({ expected });

export const oneOf = <const T extends readonly [string, ...string[]]>(...of: T) =>
  z.enum(of).meta({ expected: of.join(', ').replace(/, ([^,]*)$/, ' or $1') });

const numberOf = (value: unknown): unknown =>
  typeof value === 'string' && /^-?\d+$/.test(value.trim()) ? Number(value) : value;

export const whole = (min: number, max: number) =>
  z.preprocess(numberOf, z.int().min(min).max(max)).meta({ expected: `a whole number from ${min} to ${max}` });

export const flag = () =>
  z
    .preprocess((value) => (value === 'true' ? true : value === 'false' ? false : value), z.boolean())
    .meta({ expected: 'true or false' });

export const choice = <const T extends readonly [string, ...string[]]>(...of: T) =>
  z.enum(of).meta({ expected: `${of.slice(0, -1).join(', ')} or ${of.at(-1)}` });

const units: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: MIB, GiB: GIB };

const bytesOf = (value: unknown): unknown => {
  if (typeof value !== 'string') return value;
  const [, number = '', unit = 'B'] = /^\s*(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB)?\s*$/.exec(value) ?? [];
  return number === '' ? value : Math.round(Number(number) * (units[unit] ?? 1));
};

export const size = (min: number, max: number) =>
  z
    .preprocess(bytesOf, z.int().min(min).max(max))
    .meta({ expected: `a size such as 4 MiB, from ${sizeText(min)} to ${sizeText(max)}` });

export const sizeText = (bytes: number): string => {
  const unit = bytes >= KIB ** 3 ? 'GiB' : bytes >= KIB ** 2 ? 'MiB' : bytes >= KIB ? 'KiB' : 'B';
  return `${Number((bytes / (units[unit] ?? 1)).toFixed(1))} ${unit}`;
};

const isUrl = (value: string, schemes: readonly string[]): boolean =>
  URL.canParse(value) && schemes.includes(new URL(value).protocol.slice(0, -1));

const urlWords = (schemes: readonly string[]): string =>
  `a URL that starts with ${alternatives(schemes.map((scheme) => `${scheme}://`))}`;

/** Of what takes a user and a password with it. */
export const urlWithUser = (...schemes: readonly string[]) =>
  z
    .string()
    .refine((value) => isUrl(value, schemes))
    .meta({ expected: urlWords(schemes), reaches: 'host' });

export const url = (...schemes: readonly string[]) =>
  z
    .string()
    .refine((value) => isUrl(value, schemes) && new URL(value).username + new URL(value).password === '')
    .meta({ expected: `${urlWords(schemes)} and has no user or password`, reaches: 'host' });

/** As a sentence lists them. */
export const alternatives = (words: readonly string[]): string =>
  words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;

export const MAX_PATTERN_CHARS = 1_000;
/** Bounds what judging a path may cost: each character of it is compared with all places of all patterns at worst. */
const MAX_PATTERNS_CHARS = 100_000;

/** A list of patterns, of which each is judged by itself and all by their length. */
export const patterns = (isOne: (text: string) => boolean, expected: string) =>
  z
    .array(z.string().min(1).max(MAX_PATTERN_CHARS).refine(isOne).meta({ expected }))
    .refine((all) => all.reduce((sum, { length }) => sum + length, 0) <= MAX_PATTERNS_CHARS)
    .meta({ expected: `a list of at most ${MAX_PATTERNS_CHARS} characters, each item ${expected}` });

/** As a `.gitignore` has them, where any text is one. */
export const filePatterns = () =>
  patterns(() => true, `a pattern as in a \`.gitignore\`, of at most ${MAX_PATTERN_CHARS} characters`);
