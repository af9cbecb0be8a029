import { z } from 'zod';
import { type DocumentRow, listDocuments, showDocument } from '../../runs/documents.ts';
import { type Doing, task } from '../task.ts';

export const DOCUMENT_STATUSES = ['indexed', 'skipped', 'failed'] as const satisfies readonly DocumentRow['status'][];

const where = { project: z.string().exactOptional(), ref: z.string().exactOptional() };

/** Tells a row of every document. */
export const documents = task({
  input: z.strictObject({
    ...where,
    path: z.string().exactOptional(),
    status: z.enum(DOCUMENT_STATUSES).exactOptional(),
  }),
  async run({ pipeline, signal, tell }: Doing<DocumentRow>, filter) {
    for await (const row of listDocuments(pipeline.parts, filter)) {
      signal.throwIfAborted();
      await tell(row);
    }
  },
});

/** One document, of each branch that has it. */
export const document = task({
  input: z.strictObject({ path: z.string(), ...where }),
  run: ({ pipeline }: Doing, { path, ...filter }) => showDocument(pipeline.parts, path, filter),
});
