import { overrides } from '../config/environment.ts';
import { COMMON_OPTIONS, type Command } from './command.ts';

const column = (rows: readonly (readonly [string, string])[]): string => {
  const width = Math.max(...rows.map(([left]) => left.length)) + 2;
  return rows.map(([left, right]) => `  ${left.padEnd(width)}${right}`).join('\n');
};

const usageOf = ({ name, words }: Command): string => [name, ...(words ? [words.usage] : [])].join(' ');

export const overview = (commands: readonly Command[]): string =>
  `Tidemark keeps a search index in step with git repositories.

Usage: tidemark [--config FILE] COMMAND [OPTIONS]

${column(commands.map((command) => [usageOf(command), command.summary]))}

tidemark COMMAND --help says more of one. Without a tidemark.yaml it is the git repository of the current directory that
is served, and its index lies in .tidemark at its top. A tidemark.yaml that is merely found needs tidemark trust before it is
given a variable, a host or a file; one that is named by --config or TIDEMARK_CONFIG does not. The environment goes before
the file:

${column(overrides.map(({ name, description }) => [name, description.replaceAll('`', '')]))}`;

export const commandHelp = (command: Command): string => {
  const { summary, details, options } = command;
  const rows = Object.entries({ ...options, ...COMMON_OPTIONS }).map(
    ([name, { value, description }]) => [value ? `--${name} ${value}` : `--${name}`, description] as const,
  );
  const more = details ? `${details}\n\n` : '';
  return `Usage: tidemark ${usageOf(command)} [OPTIONS]\n\n${summary}\n\n${more}${column(rows)}`;
};
