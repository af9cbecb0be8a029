import { batched } from '../calls/batch.ts';
import { asDeadLetter } from '../calls/dependency.ts';
import { sourceCalls } from '../calls/source.ts';
import { DeadLetter } from '../errors.ts';
import type { FlowLimits, Parts } from '../parts.ts';
import type { RepoSource, Settled, WantedBlob } from '../ports.ts';
import { type Change, parseDocument, projectKey } from '../records.ts';
import { fileHints } from '../state/hints.ts';
import { type Parsed, recordOf } from './parse.ts';
import { stage, superseded } from './stage.ts';

const SYMLINK = '120000';
const SUBMODULE = '160000';
const WAIT_MS = 5;

/** A change with the bytes of its blob, or with the reason why they are not needed. */
export type Fetched = { readonly change: Change } & (
  | { readonly bytes: Uint8Array }
  | { readonly skip: string }
  | { readonly gone: true }
);

export const reasonToSkip = ({ type, size }: Pick<Change, 'type' | 'size'>, fileBytes: number) => {
  if (type === SYMLINK) return 'symlink';
  if (type === SUBMODULE) return 'submodule';
  return (size ?? 0) > fileBytes ? 'too_large' : undefined;
};

/**
 * Of a file that no source has told the size of. Most are far smaller than the largest that may come, and if each counted
 * as that one they would be fetched one after the other.
 */
const unsized = ({ fileBytes }: Pick<FlowLimits, 'fileBytes'>): number => Math.ceil(fileBytes / 16);

/** The bytes that the work on a change holds beside the record itself. */
export const blobBytes =
  ({ fileBytes }: FlowLimits) =>
  (taken: Parsed<Change>): number => {
    const change = recordOf(taken);
    if (!change || change.blob === null || reasonToSkip(change, fileBytes)) return 0;
    return change.size ?? unsized({ fileBytes });
  };

/** The blob by its id. Blobs of one project travel together. */
export const fetch = (parts: Parts) => {
  const { limits, time } = parts;
  const loaders = new Map<string, (entry: WantedBlob) => Promise<Uint8Array | undefined>>();
  const loader = (key: string, port: RepoSource, project: string) => {
    const known = loaders.get(key);
    if (known) return known;
    const load = batched({
      run: async (entries: readonly WantedBlob[]) => {
        const found = new Map<string, Uint8Array>();
        for await (const { blob, bytes } of port.blobs(project, entries)) found.set(blob, bytes);
        return entries.map(({ blob }) => found.get(blob));
      },
      size: ({ size }) => size ?? unsized(limits),
      maxSize: limits.blobBytesPerRequest,
      maxItems: limits.blobsPerRequest,
      parallel: limits.parallel.collect,
      wait: { ms: WAIT_MS, time },
    });
    loaders.set(key, load);
    return load;
  };

  return stage('fetch', async (change: Change): Promise<Fetched | Settled> => {
    if (change.blob === null) return { change, gone: true };
    const skip = reasonToSkip(change, limits.fileBytes);
    if (skip) return { change, skip };
    const id = parseDocument(change.document);
    const entry = {
      path: id.path,
      type: change.type,
      blob: change.blob,
      commit: change.commit,
      ...(change.size === undefined ? {} : { size: change.size }),
      ...(change.together === undefined ? {} : { together: change.together }),
    };
    const ask = sourceCalls(parts, id, { key: change.document, exhausted: asDeadLetter });
    const bytes = await ask((port) => loader(projectKey(id), port, id.project)(entry));
    return bytes ? { change, bytes } : missing(parts, change, change.blob);
  });
};

/**
 * The blob is not there. A force push and garbage collection may have taken it while the change was on its way: the
 * path is looked at again. If the plan of that look still wants the same blob, trying again cannot help.
 */
const missing = async (parts: Parts, { document, seq }: Change, blob: string): Promise<Settled> => {
  const { state } = parts;
  const id = parseDocument(document);
  const before = (await state.read('missing', [document])).get(document);
  if (before?.value.blob === blob && before.seq < seq) {
    throw new DeadLetter('missing_blob', `blob ${blob} is in the tree and not in the repository`);
  }
  await state.raise('missing', [{ key: document, scope: 'missing', seq, token: '', value: { blob } }]);
  await fileHints(parts, 'events', 'missing blob', [{ id, paths: [id.path] }]);
  return superseded('missing blob');
};
