import { overrides } from '../config/environment.ts';
import { COMMON_OPTIONS, type Command, type Group, isBelow } from './command.ts';

const column = (rows: readonly (readonly [string, string])[]): string => {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`).join('\n');
};

const usageOf = ({ name, words }: Command): string => [name, ...(words ? [words.usage] : [])].join(' ');
const listOf = (commands: readonly Command[]): string =>
  column(commands.map((command) => [usageOf(command), command.summary]));

export const overview = (commands: readonly Command[]): string =>
  `Tidemark keeps a search index in step with git repositories.

Usage: tidemark [--config FILE] COMMAND [OPTIONS]

${listOf(commands)}

tidemark COMMAND --help explains a command and lists its options.

Without a tidemark.yaml, Tidemark indexes the git repository of the current directory, and keeps the index in .tidemark at
its top. If it merely finds a tidemark.yaml, it gives it no variable, host or file before you run tidemark trust; a file
that --config or TIDEMARK_CONFIG names needs no such approval. These environment variables override the file:

${column(overrides.map(({ name, description }) => [name, description.replaceAll('`', '')]))}`;

export const groupHelp = ({ name, commands }: Group<Command>): string =>
  `Usage: tidemark ${name} COMMAND [OPTIONS]

${listOf(commands)}

tidemark ${name} COMMAND --help explains a command and lists its options.`;

export const commandHelp = (command: Command, commands: readonly Command[]): string => {
  const { summary, details, options } = command;
  const rows = Object.entries({ ...options, ...COMMON_OPTIONS }).map(
    ([name, { value, description }]) =>
      [value ? `--${name} ${value}` : `--${name}`, description.replaceAll('`', '')] as const,
  );
  const below = commands.filter(({ name }) => isBelow(name, command.name));
  const paragraphs = [
    `Usage: tidemark ${usageOf(command)} [OPTIONS]`,
    summary,
    ...(details === undefined ? [] : [details]),
    column(rows),
    ...(below.length > 0 ? [`Commands below it:\n\n${listOf(below)}`] : []),
  ];
  return paragraphs.join('\n\n');
};
