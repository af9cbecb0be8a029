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

export const COMMON_OPTIONS: Readonly<Record<string, OptionSpec>> = {
  config: {
    value: 'FILE',
    description: 'The configuration to read, before TIDEMARK_CONFIG; also before the command. It is trusted.',
  },
  pipeline: { value: 'NAME', description: 'The pipeline that is meant; `default` where it is not given.' },
  help: { description: 'Says this.' },
};

/** `--config FILE` may also stand before the command: as it would stand behind it. */
export const withLeading = (
  argv: readonly string[],
): { readonly leading: readonly string[]; readonly words: readonly string[] } => {
  const [first = ''] = argv;
  const taken = first === '--config' ? 2 : first.startsWith('--config=') ? 1 : 0;
  return { leading: argv.slice(0, taken), words: argv.slice(taken) };
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
  const [first = '', second] = argv;
  const below = commands.filter(({ name }) => name.startsWith(`${first} `)).map(({ name }) => name);
  if (below.length > 0) {
    const near = second === undefined ? undefined : nearest(`${first} ${second}`, below);
    throw new BadUsage(near ? unknown('command', `${first} ${second}`, near) : `expected one of ${below.join(', ')}`);
  }
  const near = nearest(first, [...new Set(commands.flatMap(({ name }) => [name, name.split(' ', 1)[0] ?? '']))]);
  throw new BadUsage(unknown('command', first, near));
};

const unknown = (what: string, given: string, near: string | undefined) =>
  `there is no ${what} ${quoted(given)}${near ? `: did you mean "${near}"?` : '; see tidemark --help'}`;

/** Throws `BadUsage` for what the command does not know or lacks. */
export const parseCommand = (
  { name, words, options }: Described,
  argv: readonly string[],
): { readonly args: Args; readonly help: boolean } => {
  const known = { ...options, ...COMMON_OPTIONS };
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
      const near = nearest(token.name, Object.keys(known));
      throw new BadUsage(`${unknown('option', token.rawName, near && `--${near}`)} of tidemark ${name}`.trim());
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
  if (!help && given.length < min) throw new BadUsage(`tidemark ${name} needs ${usage}`);
  if (!help && given.length > max)
    throw new BadUsage(`tidemark ${name} takes ${usage || 'no words'}, got ${quoted(given[max])} as well`);
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
