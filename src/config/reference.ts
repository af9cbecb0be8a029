/** `docs/configuration.md`, word for word from the schema. */
import { stringify } from 'yaml';
import type { z } from 'zod';
import { fileVariable, overrides } from './environment.ts';
import { sizeText } from './options.ts';
import { configSchema } from './schema.ts';
import {
  describe,
  elementOf,
  expectation,
  isChoice,
  isSection,
  kindOf,
  optionsOf,
  type Section,
  sectionsOf,
} from './walk.ts';

export const reference = (): string =>
  `${[INTRODUCTION, ...new Set(sections('', configSchema)), environmentTable()].join('\n\n')}\n`;

const INTRODUCTION = `# Configuration

<!-- Written by \`npm run docs\` from src/config/schema.ts. Change it there. -->

Tidemark reads the file that \`--config\` names, or the one that \`TIDEMARK_CONFIG\` names, or \`tidemark.yaml\` in the current
directory or at the top of its repository. Every option has a default; with no file at all it serves the Git repository of
the current directory.

- What is not an option is refused, and so is a value that is not what is expected here. The message names the file and the
  line. \`tidemark config check\` says the same without starting anything.
- \`\${NAME}\` in a value is replaced by that environment variable; one that is not set is an error. \`\${NAME:-default}\` gives
  what holds when it is not set or empty. \`$\${\` is a plain \`\${\`. What a variable brings is not expanded again.
- Sizes are bytes, or text such as \`4 MiB\`. Numbers may also be text, since variables bring nothing else.
- Secrets are covered wherever the configuration is shown, and so are passwords and keys in URLs, and the values of \`extra\`.

## Trust

A \`tidemark.yaml\` that was merely found may be somebody else's: a clone brings it along. Before a person has said so it is
given nothing beyond its repository. It is obeyed as long as it reaches for nothing that is listed here, such as with
\`include\`, \`chunk\`, the built-in embedder and repositories inside of its own; otherwise every command that would use it ends
with 78, lists what it reaches for by its place in the file, and has done nothing of it.

| it reaches for | by |
| --- | --- |
| a variable | \`\${NAME}\` anywhere, with a default too |
| a host that is not this machine | every URL, brokers, the hub of a model, also where that is the default; \`http.host\`, \`http.hosts\`, \`http.origins\` |
| a file or directory | \`tokenFile\`, certificates, \`cache\`, a model in a directory; \`data\` and \`git.path\` where they lead out of the repository, by a link too |
| a caller | a token in \`http.tokens\` or a secret in \`webhooks.secrets\` that stands there in plain text |

The word is one of these:

- \`tidemark trust\` shows what it reaches for and trusts it as it stands: its path and a hash of its content are kept in
  \`$XDG_STATE_HOME/tidemark\` (\`~/.local/state/tidemark\`). A change needs a new word. \`--show\` changes nothing, \`--revoke\` takes
  it back.
- \`--config FILE\`, before the command or behind it, and \`TIDEMARK_CONFIG\`: whoever names a file means it. So do the image and
  the compose file.
- What \`tidemark init\` has written is trusted.

What the environment itself says (\`TIDEMARK_…\`) needs no word. \`tidemark config show\` shows a file that is not trusted as it is
written.

## Names

Names follow from the pipeline's: the topics \`tidemark.<pipeline>.events\`, \`.events.backfill\`, \`.changes\`,
\`.changes.backfill\`, \`.documents\` and \`.dead-letters\`, the alias \`tidemark-<pipeline>\`, the collections
\`<alias>-<fingerprint>\` with the ledgers \`<alias>-<fingerprint>-ledger\`, and the state \`<alias>-state\`. Pipelines that would
share one of these are refused.`;

/** A heading with a table of its options, and the same for what lies below: twice where several kinds have it. */
const sections = (path: string, schema: z.ZodType): string[] => {
  const { core, meta } = describe(schema);
  if (isChoice(core)) {
    const kinds = sectionsOf(core).flatMap((section) => [
      `### \`${path}.kind: ${kindOf(section)}\`\n\n${describe(section).meta.description ?? ''}`,
      ...table(optionsOf(section).filter(([name]) => name !== 'kind')),
      ...deeper(path, section),
    ]);
    return [heading(path, meta.description), ...kinds];
  }
  if (isSection(core)) {
    const top = path === '' ? '## The file' : heading(path, meta.description);
    return [[top, ...table(optionsOf(core))].join('\n\n'), ...deeper(path, core)];
  }
  const element = elementOf(core);
  if (!element || !hasOptions(element)) return [];
  const inside = core.def.type === 'record' ? `${path}.<name>` : `${path}[]`;
  return sections(inside, core.def.type === 'record' ? element.meta({ description: meta.description ?? '' }) : element);
};

const deeper = (path: string, section: Section): string[] =>
  optionsOf(section).flatMap(([name, option]) => sections(path === '' ? name : `${path}.${name}`, option));

const heading = (path: string, description = ''): string =>
  [`## \`${path}\``, description].filter((part) => part !== '').join('\n\n');

const hasOptions = (schema: z.ZodType): boolean => {
  const { core } = describe(schema);
  const element = elementOf(core);
  return isSection(core) || isChoice(core) || (element !== undefined && hasOptions(element));
};

const table = (options: readonly (readonly [string, z.ZodType])[]): string[] =>
  options.length === 0
    ? []
    : [
        [
          '| option | meaning | expected | default | example |',
          '| --- | --- | --- | --- | --- |',
          ...options.map(row),
        ].join('\n'),
      ];

const row = ([name, schema]: readonly [string, z.ZodType]): string => {
  const { meta } = describe(schema);
  const example = meta.example === undefined ? '' : code(meta.example);
  const cells = [`\`${name}\``, meta.description ?? '', expectation(schema), defaultOf(schema), example];
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
};

const defaultOf = (schema: z.ZodType): string => {
  const { core, meta, fallback } = describe(schema);
  if (meta.otherwise) return meta.otherwise;
  if (isSection(core)) return fallback === undefined ? 'none' : 'see below';
  if (fallback === undefined) return 'none';
  if (meta.expected?.startsWith('a size')) return sizeText(Number(fallback));
  return code(fallback);
};

/** As one writes it in the file, in one line. */
const code = (value: unknown): string => {
  const yaml = stringify(value, { collectionStyle: 'flow', lineWidth: 0, flowCollectionPadding: true }).trim();
  // The reader knows what is a variable; YAML would have it in quotes.
  return `\`${yaml.replace(/"(\$\{\w+\})"/g, '$1')}\``;
};

const environmentTable = (): string =>
  [
    '## The environment',
    '',
    'What the environment says goes before the file. An empty variable says nothing. Where a variable names another kind than',
    'the file, the options of the kind that it replaces are left out. Of each variable here, and of each that the file',
    'names, `NAME_FILE` may be set instead: the value is what stands in that file, as with secrets of containers.',
    '',
    '| variable | what it sets |',
    '| --- | --- |',
    ...[fileVariable, ...overrides].map(({ name, description }) => `| \`${name}\` | ${description} |`),
  ].join('\n');
