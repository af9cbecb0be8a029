import { FILE_KINDS, type FileKind } from '../converters/format.ts';
import { BadUsage } from '../errors.ts';
import type { Found, SearchMode } from '../search.ts';
import type { DataCommand } from './command.ts';
import { EXIT } from './exit.ts';
import { printable } from './output.ts';

const MODES = ['hybrid', 'dense', 'lexical'] as const;
const DEFAULT_LIMIT = 10;
const MAX_LIMIT = 100;
const SHOWN_LINES = 6;

export const search: DataCommand = {
  kind: 'data',
  name: 'search',
  summary: 'Finds the places that are about something.',
  words: { usage: 'QUERY', min: 1, max: 1 },
  options: {
    json: { description: 'One object with all that is known of each hit.' },
    mode: {
      value: 'MODE',
      description: 'By meaning and words (hybrid, the default), by meaning (dense), by words (lexical).',
    },
    limit: { value: 'N', description: `How many hits, at most ${MAX_LIMIT}; ${DEFAULT_LIMIT} where it is not given.` },
    project: { value: 'PROJECT', description: 'Only in this project, by its path or id.', several: true },
    group: { value: 'GROUP', description: 'Only in projects of this group and of its subgroups.', several: true },
    ref: { value: 'REF', description: 'Only on this branch.' },
    path: { value: 'GLOB', description: 'Only in files such as docs/**.' },
    lang: { value: 'LANGUAGE', description: 'Only in this language, such as typescript.', several: true },
    kind: { value: 'KIND', description: `Only in files of this kind: ${FILE_KINDS.join(', ')}.`, several: true },
  },
  async run({ pipeline, output }, args) {
    const { search: searchParts } = await import('../search.ts');
    const [text = ''] = args.words;
    const limit = args.whole('limit', { min: 1, max: MAX_LIMIT, otherwise: DEFAULT_LIMIT });
    const [ref, path] = [args.text('ref'), args.text('path')];
    const [project, group, language] = ['project', 'group', 'lang'].map((name) => orAll(args.texts(name)));
    const kind = orAll(args.texts('kind').map(kindOf));
    const found = await searchParts(pipeline.parts, {
      text,
      mode: modeOf(args.text('mode')),
      limit,
      ...(project === undefined ? {} : { project }),
      ...(group === undefined ? {} : { group }),
      ...(ref === undefined ? {} : { ref }),
      ...(path === undefined ? {} : { path }),
      ...(language === undefined ? {} : { language }),
      ...(kind === undefined ? {} : { kind }),
    });
    if (args.flag('json')) await output.line(JSON.stringify(found));
    else await output.line(readable(found));
    return EXIT.success;
  },
};

const modeOf = (given: string | undefined): SearchMode => {
  const mode = MODES.find((known) => known === (given ?? 'hybrid'));
  if (!mode) throw new BadUsage(`--mode: expected ${MODES.join(', ')}, got "${given}"`);
  return mode;
};

const orAll = <T>(values: readonly T[]): readonly T[] | undefined => (values.length > 0 ? values : undefined);

const kindOf = (word: string): FileKind => {
  const kind = FILE_KINDS.find((known) => known === word);
  if (!kind) throw new BadUsage(`--kind: expected ${FILE_KINDS.join(', ')}, got "${word}"`);
  return kind;
};

const readable = ({ hits, tookMs }: Found): string => {
  if (hits.length === 0) return 'Nothing found.';
  const blocks = hits.map(({ path, startLine, endLine, heading, text, score }, at) => {
    const place = `${at + 1}. ${path}:${startLine}-${endLine}  (${score.toFixed(3)})`;
    const lines = text.split('\n').slice(0, SHOWN_LINES);
    const more = text.split('\n').length > SHOWN_LINES ? ['…'] : [];
    const under = heading.length > 0 ? [`   ${heading.join(' > ')}`] : [];
    return printable([place, ...under, ...[...lines, ...more].map((line) => `   | ${line}`)].join('\n'));
  });
  return `${blocks.join('\n\n')}\n\n${hits.length} hits in ${tookMs} ms`;
};
