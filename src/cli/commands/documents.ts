import { BadUsage } from '../../errors.ts';
import type { DocumentFilter, DocumentRow } from '../../runs/documents.ts';
import { inLine, printable, quoted } from '../../runtime/printable.ts';
import type { Args, DataCommand, OptionSpec } from '../command.ts';
import { EXIT } from '../exit.ts';

const STATUSES: readonly DocumentRow['status'][] = ['indexed', 'skipped', 'failed'];

const WHERE: Readonly<Record<string, OptionSpec>> = {
  project: { value: 'PROJECT', description: 'Takes only files of this project, by its path or id.' },
  ref: { value: 'REF', description: 'Takes only files of this branch.' },
};

const whereOf = (args: Args): Pick<DocumentFilter, 'project' | 'ref'> => {
  const [project, ref] = [args.text('project'), args.text('ref')];
  return { ...(project === undefined ? {} : { project }), ...(ref === undefined ? {} : { ref }) };
};

const statusOf = (given: string | undefined): Pick<DocumentFilter, 'status'> => {
  if (given === undefined) return {};
  const status = STATUSES.find((known) => known === given);
  if (!status) throw new BadUsage(`--status: expected ${STATUSES.join(', ')}, got ${quoted(given)}`);
  return { status };
};

export const documents: DataCommand = {
  kind: 'data',
  name: 'documents',
  summary: 'Lists every file that is indexed, skipped or failed, with the reason.',
  options: {
    json: { description: 'Prints one JSON object a line.' },
    ...WHERE,
    path: { value: 'GLOB', description: 'Takes only files that match, such as docs/**.' },
    status: {
      value: 'STATUS',
      values: STATUSES,
      description: `Takes only files with this status: ${STATUSES.join(', ')}.`,
    },
  },
  async run({ ask, output }, args) {
    const path = args.text('path');
    const filter = { ...whereOf(args), ...statusOf(args.text('status')), ...(path === undefined ? {} : { path }) };
    const asJson = args.flag('json');
    await ask('documents', filter, (row) => output.line(asJson ? JSON.stringify(row) : inLine(lineOf(row))));
    return EXIT.success;
  },
};

const lineOf = ({ project, ref, path, status, reason, chunks }: DocumentRow): string =>
  `${status}  ${project} ${ref}  ${path}  ${status === 'indexed' ? `${chunks} chunks` : reason}`;

export const documentsShow: DataCommand = {
  kind: 'data',
  name: 'documents show',
  summary: 'Shows how one file is indexed: its chunks with their lines and text.',
  words: { usage: 'PATH', min: 1, max: 1 },
  options: { json: { description: 'Prints one JSON object a line, for each branch that has the file.' }, ...WHERE },
  async run({ ask, output }, args) {
    const [path = ''] = args.words;
    const found = await ask('document', { path, ...whereOf(args) });
    for (const { chunkList, ...row } of found) {
      if (args.flag('json')) await output.line(JSON.stringify({ ...row, chunkList }));
      else {
        await output.line(inLine(lineOf(row)));
        for (const { startLine, endLine, heading, text } of chunkList)
          await output.line(`\n${startLine}-${endLine}  ${inLine(heading.join(' > '))}\n${printable(text)}`);
      }
    }
    if (found.length > 0) return EXIT.success;
    output.note(`there is no document ${quoted(path)}: tidemark documents lists them`);
    return EXIT.failures;
  },
};
