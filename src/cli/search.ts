import { BadUsage } from '../errors.ts';
import type { Hosted } from '../host.ts';
import type { Query } from '../ports.ts';
import type { Found, Reader } from '../search.ts';
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
    project: { value: 'PROJECT', description: 'Only in this project, by its path or id.' },
    ref: { value: 'REF', description: 'Only on this branch.' },
    path: { value: 'GLOB', description: 'Only in files such as docs/**.' },
    as: {
      value: 'USER',
      description:
        'Only what this user of GitLab may read. A filter for trusted callers, and no authentication: whoever calls can say anything.',
    },
    lang: { value: 'LANGUAGE', description: 'Only in this language, such as typescript.' },
  },
  async run({ pipeline, output }, args) {
    const { search: searchParts } = await import('../search.ts');
    const [text = ''] = args.words;
    const limit = args.whole('limit', { min: 1, max: MAX_LIMIT, otherwise: DEFAULT_LIMIT });
    const [project, ref, path, language] = ['project', 'ref', 'path', 'lang'].map((name) => args.text(name));
    const user = args.text('as');
    const found = await searchParts(pipeline.parts, {
      text,
      mode: modeOf(args.text('mode')),
      limit,
      ...(project === undefined ? {} : { project }),
      ...(ref === undefined ? {} : { ref }),
      ...(path === undefined ? {} : { path }),
      ...(language === undefined ? {} : { language }),
      ...(user === undefined ? {} : { as: readerOf(pipeline, user) }),
    });
    if (args.flag('json')) await output.line(JSON.stringify(found));
    else await output.line(readable(found));
    return EXIT.success;
  },
};

/** A plain repository has no users, so that nobody is known to may read it. */
const readerOf = ({ gitlabs }: Pick<Hosted, 'gitlabs'>, user: string): Reader => ({
  mayRead: async ({ instance, project }, visibility) =>
    (await gitlabs.find(({ name }) => name === instance)?.readers.mayRead(user, project, visibility)) ?? false,
});

const modeOf = (given: string | undefined): Query['mode'] => {
  const mode = MODES.find((known) => known === (given ?? 'hybrid'));
  if (!mode) throw new BadUsage(`--mode: expected ${MODES.join(', ')}, got "${given}"`);
  return mode;
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
