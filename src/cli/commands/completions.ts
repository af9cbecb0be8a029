/** Shell completions, from the commands themselves. */
import { BadUsage } from '../../errors.ts';
import { quoted as shown } from '../../runtime/printable.ts';
import { COMMON_OPTIONS, type Command, type FreeCommand, type OptionSpec } from '../command.ts';
import { EXIT } from '../exit.ts';

const SHELLS = { bash: () => bash, zsh: () => zsh, fish: () => fish };

export const completionsOf = (commands: () => readonly Command[]): FreeCommand => ({
  kind: 'free',
  name: 'completions',
  summary: 'Prints the completions of commands and options for a shell.',
  details: `bash: eval "$(tidemark completions bash)" in ~/.bashrc
zsh:  eval "$(tidemark completions zsh)" in ~/.zshrc, after compinit
fish: tidemark completions fish > ~/.config/fish/completions/tidemark.fish`,
  words: { usage: Object.keys(SHELLS).join('|'), min: 1, max: 1 },
  async run({ output }, { words: [shell = ''] }) {
    if (!Object.hasOwn(SHELLS, shell))
      throw new BadUsage(`expected ${Object.keys(SHELLS).join(', ')}, got ${shown(shell)}`);
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

/** After which words which may come, with what each is: of `config check` and `config show` both after `config`. */
const nextWords = (commands: readonly Completable[]): ReadonlyMap<string, ReadonlyMap<string, string>> => {
  const next = new Map<string, Map<string, string>>();
  for (const command of commands) {
    const words = command.name.split(' ');
    words.forEach((word, at) => {
      const before = words.slice(0, at).join(' ');
      const known = next.get(before) ?? new Map<string, string>();
      const isWhole = at === words.length - 1;
      // A group is described by the commands in it.
      const inGroup = words.slice(at + 1).join(' ');
      const others = known.get(word);
      if (isWhole) known.set(word, command.summary);
      else if (!commands.some(({ name }) => name === words.slice(0, at + 1).join(' ')))
        known.set(word, others === undefined ? inGroup : `${others}, ${inGroup}`);
      next.set(before, known);
    });
  }
  return next;
};

const flags = ({ options }: Completable): string => options.map(([name]) => `--${name}`).join(' ');
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const bash = (commands: readonly Completable[]): string => {
  const values = new Map(
    commands.flatMap(({ options }) => options.flatMap(([name, { values: of }]) => (of ? [[name, of] as const] : []))),
  );
  const next = [...nextWords(commands)].map(([before, words]) => {
    const always = before === '' ? ' help version --config' : ' --help';
    return `    ${quoted(before)}) words="$words ${[...words.keys()].join(' ')}${always}" ;;`;
  });
  return `_tidemark() {
  local word="\${COMP_WORDS[COMP_CWORD]}" before="\${COMP_WORDS[COMP_CWORD-1]}" words=""
  local said="\${COMP_WORDS[*]:1:COMP_CWORD-1}"
  [ "$before" != --config ] || { COMPREPLY=($(compgen -f -- "$word")); return; }
  [[ "$said " != --config\\ * ]] || { said="\${said#--config }"; said="\${said#\${said%% *}}"; said="\${said# }"; }
  case "$before" in
${[...values].map(([name, of]) => `    --${name}) COMPREPLY=($(compgen -W "${of.join(' ')}" -- "$word")); return ;;`).join('\n')}
  esac
  case "$said " in
${longestFirst(commands)
  .map((command) => `    ${quoted(`${command.name} `)}*) words="${flags(command)}" ;;`)
  .join('\n')}
  esac
  case "$said" in
${next.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$word"))
  [ \${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "$word"))
}
complete -F _tidemark tidemark`;
};

const longestFirst = (commands: readonly Completable[]) => commands.toSorted((a, b) => b.name.length - a.name.length);

const zsh = (commands: readonly Completable[]): string => {
  const described = (name: string, summary: string) => quoted(`${name}:${summary}`);
  const next = [...nextWords(commands)].map(([before, words]) => {
    const first = before === '' ? [described('--config', COMMON_OPTIONS.config.description)] : [];
    const listed = [...first, ...[...words].map(([word, summary]) => described(word, summary))].join(' ');
    return `    ${quoted(before)}) next=(${listed}) ;;`;
  });
  const spec = ([name, { value, description, values }]: readonly [string, OptionSpec]): string => {
    const said = description.replaceAll('[', '(').replaceAll(']', ')').replaceAll(':', '\\:').replaceAll('`', '');
    const taken = value === undefined ? '' : `:${value}:${values ? `(${values.join(' ')})` : '_files'}`;
    return quoted(`--${name}[${said}]${taken}`);
  };
  return `#compdef tidemark
_tidemark() {
  local -a before=("\${(@)words[2,CURRENT-1]}") next=()
  [[ "$words[CURRENT-1]" != --config ]] || { _files; return }
  if [[ "$before[1]" == --config ]]; then before=("\${(@)before[3,-1]}"); fi
  if [[ "$before[1]" == --config=* ]]; then before=("\${(@)before[2,-1]}"); fi
  local said="\${(j: :)before}"
  case "$said" in
${next.join('\n')}
  esac
  if (( $#next )); then _describe command next; fi
  case "$said " in
${longestFirst(commands)
  .map((command) => {
    const specs = command.options.map(spec).join(' ');
    return `    ${quoted(`${command.name} `)}*) _arguments ${specs} '*:file:_files' ;;`;
  })
  .join('\n')}
  esac
}
compdef _tidemark tidemark`;
};

const fish = (commands: readonly Completable[]): string => {
  /** That these words were said. */
  const after = (before: string) =>
    before === ''
      ? '__fish_use_subcommand'
      : before
          .split(' ')
          .map((word) => `__fish_seen_subcommand_from ${word}`)
          .join('; and ');
  const words = [...nextWords(commands)].flatMap(([before, next]) =>
    [...next].map(([word, summary]) => {
      return `complete -c tidemark -f -n ${quoted(after(before))} -a ${word} -d ${quoted(summary)}`;
    }),
  );
  const first = { name: '', options: [['config', COMMON_OPTIONS.config]] } as const;
  const options = [first, ...commands.map(({ name, options: of }) => ({ name, options: of }))].flatMap(
    ({ name, options: of }) =>
      of.map(([option, { value, values, description }]) => {
        const taken = value === undefined ? '' : values ? ` -x -a ${quoted(values.join(' '))}` : ' -r';
        return `complete -c tidemark -n ${quoted(after(name))} -l ${option}${taken} -d ${quoted(description)}`;
      }),
  );
  return [...words, ...options].join('\n');
};
