/** Shell completions, from the commands themselves. */
import { BadUsage } from '../errors.ts';
import { COMMON_OPTIONS, type Command, type FreeCommand, type OptionSpec } from './command.ts';
import { EXIT } from './exit.ts';

const SHELLS = { bash: () => bash, zsh: () => zsh, fish: () => fish };

export const completionsOf = (commands: () => readonly Command[]): FreeCommand => ({
  kind: 'free',
  name: 'completions',
  summary: 'Prints completions for a shell.',
  details: `bash: eval "$(tidemark completions bash)" in ~/.bashrc
zsh:  eval "$(tidemark completions zsh)" in ~/.zshrc, after compinit
fish: tidemark completions fish > ~/.config/fish/completions/tidemark.fish`,
  words: { usage: Object.keys(SHELLS).join('|'), min: 1, max: 1 },
  async run({ output }, { words: [shell = ''] }) {
    if (!Object.hasOwn(SHELLS, shell)) throw new BadUsage(`expected ${Object.keys(SHELLS).join(', ')}, got "${shell}"`);
    await output.line(SHELLS[shell as keyof typeof SHELLS]()(commands().map(completable)));
    return EXIT.success;
  },
});

interface Completable {
  readonly name: string;
  readonly summary: string;
  readonly options: readonly (readonly [name: string, spec: OptionSpec])[];
}

const completable = ({ name, summary, options }: Command): Completable => ({
  name,
  summary,
  options: Object.entries({ ...options, ...COMMON_OPTIONS }),
});

/** Of commands of two words the first, and what may follow it. */
const firstWords = (commands: readonly Completable[]): ReadonlyMap<string, readonly Completable[]> => {
  const words = new Map<string, Completable[]>();
  for (const command of commands) {
    const [first = ''] = command.name.split(' ');
    words.set(first, [...(words.get(first) ?? []), command]);
  }
  return words;
};

const secondOf = ({ name }: Completable): string => name.split(' ')[1] ?? '';
const flags = ({ options }: Completable): string => options.map(([name]) => `--${name}`).join(' ');
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const bash = (commands: readonly Completable[]): string => {
  const words = firstWords(commands);
  const seconds = [...words].flatMap(([first, of]) => {
    const after = of.map(secondOf).filter((word) => word !== '');
    return after.length > 0 ? [`      ${first}) words="$words ${after.join(' ')}" ;;`] : [];
  });
  const values = new Map(
    commands.flatMap(({ options }) => options.flatMap(([name, { values: of }]) => (of ? [[name, of] as const] : []))),
  );
  return `_tidemark() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" words=""
  case "$before" in
${[...values].map(([name, of]) => `    --${name}) COMPREPLY=($(compgen -W "${of.join(' ')}" -- "$word")); return ;;`).join('\n')}
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${[...words.keys()].join(' ')} help version" -- "$word"))
    return
  fi
  case "\${COMP_WORDS[1]} \${COMP_WORDS[2]}" in
${longestFirst(commands)
  .map((command) => `    ${quoted(command.name)}*) words="${flags(command)}" ;;`)
  .join('\n')}
  esac
  if [ "$COMP_CWORD" -eq 2 ]; then
    case "\${COMP_WORDS[1]}" in
${seconds.join('\n')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  [ \${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$word"))
}
complete -F _tidemark tidemark`;
};

const longestFirst = (commands: readonly Completable[]) => commands.toSorted((a, b) => b.name.length - a.name.length);

const zsh = (commands: readonly Completable[]): string => {
  const described = (name: string, summary: string) => quoted(`${name.replaceAll(':', '\\:')}:${summary}`);
  const words = firstWords(commands);
  const firsts = [...words].map(([first, of]) => described(first, of[0]?.summary ?? ''));
  const seconds = [...words].flatMap(([first, of]) => {
    const after = of.filter((command) => secondOf(command) !== '');
    if (after.length === 0) return [];
    const listed = after.map((command) => described(secondOf(command), command.summary)).join(' ');
    return [`      ${first}) local -a seconds=(${listed}); _describe command seconds ;;`];
  });
  const spec = ([name, { value, description, values }]: readonly [string, OptionSpec]): string => {
    const said = description.replaceAll('[', '(').replaceAll(']', ')').replaceAll(':', '\\:').replaceAll('`', '');
    const taken = value === undefined ? '' : `:${value}:${values ? `(${values.join(' ')})` : '_files'}`;
    return quoted(`--${name}[${said}]${taken}`);
  };
  return `#compdef tidemark
_tidemark() {
  local -a firsts=(${firsts.join(' ')})
  if (( CURRENT == 2 )); then _describe command firsts; return; fi
  if (( CURRENT == 3 )); then
    case "$words[2]" in
${seconds.join('\n')}
    esac
  fi
  case "$words[2] $words[3]" in
${longestFirst(commands)
  .map(
    (command) => `    ${quoted(command.name)}*) _arguments ${command.options.map(spec).join(' ')} '*:file:_files' ;;`,
  )
  .join('\n')}
  esac
}
compdef _tidemark tidemark`;
};

const fish = (commands: readonly Completable[]): string => {
  const lines = [...firstWords(commands)].flatMap(([first, of]) => {
    const at = `__fish_seen_subcommand_from ${first}`;
    const own = `complete -c tidemark -f -n __fish_use_subcommand -a ${first} -d ${quoted(of[0]?.summary ?? '')}`;
    return [
      own,
      ...of.flatMap((command) => {
        const second = secondOf(command);
        const here = second === '' ? at : `${at}; and __fish_seen_subcommand_from ${second}`;
        const word = `complete -c tidemark -f -n ${quoted(at)} -a ${second} -d ${quoted(command.summary)}`;
        const options = command.options.map(([name, { value, values, description }]) => {
          const taken = value === undefined ? '' : values ? ` -x -a ${quoted(values.join(' '))}` : ' -r';
          return `complete -c tidemark -n ${quoted(here)} -l ${name}${taken} -d ${quoted(description)}`;
        });
        return second === '' ? options : [word, ...options];
      }),
    ];
  });
  return lines.join('\n');
};
