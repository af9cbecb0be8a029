import { readFile } from 'node:fs/promises';
import { relative, resolve } from 'node:path';
import { optionsOf } from '../../config/pipeline.ts';
import { BadUsage, messageOf } from '../../errors.ts';
import type { Chunk } from '../../ports.ts';
import { inLine, printable } from '../../runtime/printable.ts';
import type { OwnCommand } from '../command.ts';
import { EXIT } from '../exit.ts';

interface Inspected {
  readonly path: string;
  /** Whether the configuration lets it into the index. */
  readonly selected: boolean;
  readonly mediaType: string | null;
  readonly language: string | null;
  readonly title: string | null;
  /** Why it has no text. */
  readonly skipped: string | null;
  readonly tokens: number;
  readonly chunks: readonly (Pick<Chunk, 'startLine' | 'endLine' | 'heading' | 'text'> & { readonly tokens: number })[];
}

export const inspect: OwnCommand = {
  kind: 'own',
  name: 'inspect',
  summary: 'Shows how Tidemark converts and cuts a file, with the tokens of each chunk.',
  words: { usage: 'FILE', min: 1, max: 1 },
  options: {
    json: { description: 'Prints one JSON object with everything.' },
    as: {
      value: 'PATH',
      description:
        'Treats the file as if it had this path in its repository; the default is the path that it has here.',
    },
  },
  async run({ place, output }, args) {
    const [{ workerFor }, { selection }, { tokenCounter }] = await Promise.all([
      import('../../pipeline/generation-tools.ts'),
      import('../../paths/selection.ts'),
      import('../../embedders/token-counter.ts'),
    ]);
    const [file = ''] = args.words;
    const options = optionsOf(place.config, args.text('pipeline') ?? 'default');
    const path = args.text('as') ?? pathOf(resolve(file), place.top);
    const bytes = await bytesOf(file);
    const count = await tokenCounter(options.embedder);
    const worker = workerFor(place.config.limits, options);
    try {
      const converted = await worker.converter.convert(path, bytes);
      const text = 'text' in converted ? converted.text : undefined;
      const chunks = text ? await worker.chunker.chunk(path, text) : [];
      const counted = chunks.map(({ startLine, endLine, heading, text: lines, embed }) => ({
        ...{ startLine, endLine, heading, text: lines, tokens: count(embed) },
      }));
      const inspected: Inspected = {
        path,
        selected: selection(options)(path),
        ...{ mediaType: text?.mediaType ?? null, language: text?.language ?? null, title: text?.title ?? null },
        skipped: 'skip' in converted ? converted.skip : null,
        tokens: counted.reduce((sum, { tokens }) => sum + tokens, 0),
        chunks: counted,
      };
      await output.line(args.flag('json') ? JSON.stringify(inspected) : readable(inspected));
      return EXIT.success;
    } finally {
      await worker.close();
    }
  },
};

/** As the repository that we are in has it. */
const pathOf = (file: string, top: string | undefined): string => {
  const path = top === undefined ? file : relative(top, file);
  return path.startsWith('..') ? file : path.replaceAll('\\', '/');
};

const bytesOf = async (file: string): Promise<Uint8Array> => {
  try {
    return await readFile(file);
  } catch (cause) {
    throw new BadUsage(`read ${file}: ${messageOf(cause)}`, { cause });
  }
};

const readable = ({ path, selected, mediaType, language, title, skipped, tokens, chunks }: Inspected): string => {
  const out = selected ? [] : ['The configuration leaves it out: `include` and `exclude` of the pipeline.'];
  if (skipped !== null) return [inLine(`${path}: skipped, ${skipped}`), ...out].join('\n');
  const what = inLine(`${path}: ${mediaType}, ${language}${title === null ? '' : `, "${title}"`}`);
  const blocks = chunks.map(({ startLine, endLine, heading, text, tokens: own }) => {
    const under = heading.length > 0 ? `  ${inLine(heading.join(' > '))}` : '';
    return `\n${startLine}-${endLine}  ${own} tokens${under}\n${printable(text)}`;
  });
  return [what, ...out, `${chunks.length} chunks, ${tokens} tokens`, ...blocks].join('\n');
};
