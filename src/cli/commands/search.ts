import { DEFAULT_LIMIT, MAX_LIMIT, MAX_OFFSET, MODES } from '../../api/schemas.ts';
import { FILE_KINDS, type FileKind } from '../../converters/format.ts';
import { BadUsage } from '../../errors.ts';
import { quoted } from '../../runtime/printable.ts';
import type { SearchMode } from '../../search/search.ts';
import type { DataCommand } from '../command.ts';
import { EXIT } from '../exit.ts';
import { shownHits } from '../shown-hits.ts';

const FRESH_SECONDS = 30;

export const search: DataCommand = {
  kind: 'data',
  name: 'search',
  summary: 'Finds the places in the files that a question is about.',
  words: { usage: 'QUERY', min: 1, max: 1 },
  options: {
    json: { description: 'Prints one JSON object with everything about each hit.' },
    mode: {
      value: 'MODE',
      values: MODES,
      description: 'Searches by meaning and words (hybrid, the default), by meaning (dense) or by words (lexical).',
    },
    limit: {
      value: 'N',
      description: `Returns at most this many hits, up to ${MAX_LIMIT}; the default is ${DEFAULT_LIMIT}.`,
    },
    offset: { value: 'N', description: 'Skips this many hits and returns those after them.' },
    project: { value: 'PROJECT', description: 'Searches only this project, by its path or id.', several: true },
    group: { value: 'GROUP', description: 'Searches only projects of this group and its subgroups.', several: true },
    ref: { value: 'REF', description: 'Searches only this branch.' },
    path: { value: 'GLOB', description: 'Searches only files that match, such as docs/**.' },
    lang: {
      value: 'LANGUAGE',
      description: 'Searches only files in this language, such as typescript.',
      several: true,
    },
    kind: {
      value: 'KIND',
      values: FILE_KINDS,
      description: `Searches only files of this kind: ${FILE_KINDS.join(', ')}.`,
      several: true,
    },
    as: {
      value: 'USER',
      description:
        'Returns only what this GitLab user may read: USER, or USER@INSTANCE if there are several GitLabs. It filters for trusted callers, and authenticates nobody.',
    },
    fresh: {
      description: `Waits until the index has what the repositories have now, for at most ${FRESH_SECONDS} seconds.`,
    },
  },
  async run({ ask, output, terminal }, args) {
    const [query = ''] = args.words;
    const [ref, path] = [args.text('ref'), args.text('path')];
    const [project, group, language] = ['project', 'group', 'lang'].map((name) => orAll(args.texts(name)));
    const kind = orAll(args.texts('kind').map(kindOf));
    const request = {
      query,
      mode: modeOf(args.text('mode')),
      limit: args.whole('limit', { min: 1, max: MAX_LIMIT, otherwise: DEFAULT_LIMIT }),
      offset: args.whole('offset', { min: 0, max: MAX_OFFSET, otherwise: 0 }),
      fresh: args.flag('fresh'),
      ...(project === undefined ? {} : { project }),
      ...(group === undefined ? {} : { group }),
      ...(ref === undefined ? {} : { ref }),
      ...(path === undefined ? {} : { path }),
      ...(language === undefined ? {} : { language }),
      ...(kind === undefined ? {} : { kind }),
    };
    const as = args.text('as');
    const { found, folders } = await ask('searchAs', { request, ...(as === undefined ? {} : { as }) });
    await output.line(
      args.flag('json') ? JSON.stringify(found) : shownHits(found, { terminal, folders: new Map(folders) }),
    );
    return EXIT.success;
  },
};

const modeOf = (given: string | undefined): SearchMode => {
  const mode = MODES.find((known) => known === (given ?? 'hybrid'));
  if (!mode) throw new BadUsage(`--mode: expected ${MODES.join(', ')}, got ${quoted(given)}`);
  return mode;
};

const orAll = <T>(values: readonly T[]): T[] | undefined => (values.length > 0 ? [...values] : undefined);

const kindOf = (word: string): FileKind => {
  const kind = FILE_KINDS.find((known) => known === word);
  if (!kind) throw new BadUsage(`--kind: expected ${FILE_KINDS.join(', ')}, got ${quoted(word)}`);
  return kind;
};
