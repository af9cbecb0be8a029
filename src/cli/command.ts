/** What a command is, and how its arguments are read. */
import { parseArgs } from 'node:util';
import { nearest } from '../config/problems.ts';
import { BadUsage } from '../errors.ts';
import type { Ask } from '../owner/access.ts';
import type { Place, Surroundings } from '../owner/place.ts';
import { quoted } from '../runtime/printable.ts';
import type { Output, Streams } from './output.ts';
import type { Interrupts } from './signals.ts';

export interface OptionSpec {
  /** What its value is called in the help; a flag has none. */
  readonly value?: string;
  readonly description: string;
  /** May be given several times. */
  readonly several?: boolean;
  /** What it may be, where that is a closed list. */
  readonly values?: readonly string[];
}

export interface Args {
  readonly words: readonly string[];
  flag(name: string): boolean;
  text(name: string): string | undefined;
  texts(name: string): readonly string[];
  /** Throws `BadUsage` for what is no whole number within the bounds. */
  whole(name: string, bounds: { readonly min: number; readonly max: number; readonly otherwise: number }): number;
}

interface Described {
  readonly name: string;
  readonly summary: string;
  /** More than the summary says, for its own help. */
  readonly details?: string;
  /** The words that it takes, as the help shows them. */
  readonly words?: { readonly usage: string; readonly min: number; readonly max: number };
  readonly options?: Readonly<Record<string, OptionSpec>>;
}

export interface Context {
  /** Has tasks done by whoever holds the data directory, on the pipeline that is meant. */
  readonly ask: Ask;
  readonly pipeline: string;
  readonly output: Output;
  /** Whether colours and links are shown where the output goes. */
  readonly terminal: boolean;
  readonly signal: AbortSignal;
}

/** Asks the process that holds the data directory, which may be this one. */
export interface DataCommand extends Described {
  readonly kind: 'data';
  run(context: Context, args: Args): Promise<number>;
}

export interface Around {
  readonly place: Place;
  readonly output: Output;
  readonly interrupts: Interrupts;
  readonly stderr: Streams['stderr'];
  readonly version: string;
}

/** Runs in the process that it was typed into. */
export interface OwnCommand extends Described {
  readonly kind: 'own';
  run(around: Around, args: Args): Promise<number>;
}

/** Needs no configuration, as it is there to help with one, or has nothing to do with any. */
export interface FreeCommand extends Described {
  readonly kind: 'free';
  run(around: FreeAround, args: Args): Promise<number>;
}

export interface FreeAround extends Omit<Around, 'place'>, Surroundings {}

export type Command = DataCommand | OwnCommand | FreeCommand;

export const COMMON_OPTIONS: Readonly<Record<'config' | 'pipeline' | 'help', OptionSpec>> = {
  config: {
    value: 'FILE',
    description:
      'Reads and trusts this configuration, whatever TIDEMARK_CONFIG says. It may stand before the command, too.',
  },
  pipeline: { value: 'NAME', description: 'Chooses the pipeline; the default is `default`.' },
  help: { description: 'Prints this help.' },
};

/** `--config FILE` may also stand before the command: as it would stand behind it. */
export const withLeading = (
  argv: readonly string[],
): { readonly leading: readonly string[]; readonly words: readonly string[] } => {
  const [first = ''] = argv;
  const taken = first === '--config' ? 2 : first.startsWith('--config=') ? 1 : 0;
  return { leading: argv.slice(0, taken), words: argv.slice(taken) };
};

/** Of several commands that begin with the same words. */
export interface Group<C> {
  readonly name: string;
  readonly commands: readonly C[];
}

export const isBelow = (name: string, group: string): boolean => name.startsWith(`${group} `);

/** The group that is all that was said, but for options: which of its commands is meant is open. */
export const findGroup = <C extends Described>(
  commands: readonly C[],
  argv: readonly string[],
): { readonly group: Group<C>; readonly help: boolean } | undefined => {
  const end = argv.findIndex((word) => word.startsWith('-'));
  const name = argv.slice(0, end < 0 ? argv.length : end).join(' ');
  const below = commands.filter((command) => isBelow(command.name, name));
  if (below.length === 0 || commands.some((command) => command.name === name)) return undefined;
  return { group: { name, commands: below }, help: argv.includes('--help') || argv.includes('-h') };
};

/** The command that the first words name, with the rest. Throws `BadUsage` with the nearest name. */
export const findCommand = <C extends Described>(
  commands: readonly C[],
  argv: readonly string[],
): { readonly command: C; readonly rest: readonly string[] } => {
  for (const command of [...commands].sort((a, b) => b.name.length - a.name.length)) {
    const words = command.name.split(' ');
    if (words.every((word, at) => argv[at] === word)) return { command, rest: argv.slice(words.length) };
  }
  const names = commands.map(({ name }) => name);
  const said = (count: number) => argv.slice(0, count).join(' ');
  const groupWords = [2, 1].find((count) => argv.length > count && names.some((name) => isBelow(name, said(count))));
  const count = (groupWords ?? 0) + 1;
  const group = groupWords === undefined ? undefined : said(groupWords);
  const known = names
    .filter((name) => group === undefined || isBelow(name, group))
    .map((name) => name.split(' ').slice(0, count).join(' '));
  const finding = `there is no command ${quoted(said(count))}`;
  throw new BadUsage(unknown(finding, said(count), [...new Set(known)], group, 'commands'));
};

/** What was said, what may have been meant, and which command lists what there is. */
const unknown = (
  finding: string,
  given: string,
  known: readonly string[],
  about: string | undefined,
  what: 'commands' | 'options',
): string => {
  const beginning = known.filter((name) => name.startsWith(given));
  const near = beginning.length === 1 ? beginning[0] : nearest(given, known);
  const lists = `${['tidemark', about, '--help'].filter((word) => word).join(' ')} lists the ${what}`;
  return near === undefined ? `${finding}; ${lists}` : `${finding}; did you mean "${near}"? ${lists}`;
};

/** Throws `BadUsage` for what the command does not know or lacks. */
export const parseCommand = (
  { name, words, options }: Described,
  argv: readonly string[],
): { readonly args: Args; readonly help: boolean } => {
  const known: Readonly<Record<string, OptionSpec>> = { ...options, ...COMMON_OPTIONS };
  const specs = Object.entries(known).map(([option, { value }]) => [
    option,
    { type: value === undefined ? 'boolean' : 'string', ...(option === 'help' ? { short: 'h' } : {}) } as const,
  ]);
  const { tokens } = parseArgs({
    args: [...argv],
    options: Object.fromEntries(specs),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const given: string[] = [];
  const values = new Map<string, string[]>();
  for (const token of tokens) {
    if (token.kind === 'positional') given.push(token.value);
    if (token.kind !== 'option') continue;
    const spec = known[token.name];
    if (!spec) {
      const flags = Object.keys(known).map((option) => `--${option}`);
      const finding = `${name} has no option ${quoted(token.rawName)}`;
      throw new BadUsage(unknown(finding, token.rawName, flags, name, 'options'));
    }
    if (spec.value === undefined && token.value !== undefined)
      throw new BadUsage(`--${token.name} takes no value, got ${quoted(token.value)}`);
    if (spec.value !== undefined && !token.value) throw new BadUsage(`--${token.name} needs a value: ${spec.value}`);
    const before = values.get(token.name) ?? [];
    if (before.length > 0 && !spec.several && spec.value !== undefined)
      throw new BadUsage(`--${token.name} is given twice`);
    values.set(token.name, [...before, token.value ?? '']);
  }
  const help = values.has('help');
  const { min, max, usage } = words ?? { min: 0, max: 0, usage: '' };
  const explained = `tidemark ${name} --help explains it`;
  if (!help && given.length < min) throw new BadUsage(`${name} needs ${usage}; ${explained}`);
  if (!help && given.length > max)
    throw new BadUsage(
      `${name} takes ${usage ? `only ${usage}` : 'no arguments'}, got ${quoted(given[max])}; ${explained}`,
    );
  return { args: argsOf(given, values), help };
};

const argsOf = (words: readonly string[], values: ReadonlyMap<string, readonly string[]>): Args => ({
  words,
  flag: (name) => values.has(name),
  text: (name) => values.get(name)?.[0],
  texts: (name) => values.get(name) ?? [],
  whole(name, { min, max, otherwise }) {
    const text = values.get(name)?.[0];
    if (text === undefined) return otherwise;
    const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (!(number >= min && number <= max))
      throw new BadUsage(`--${name}: expected a whole number from ${min} to ${max}, got ${quoted(text)}`);
    return number;
  },
});
