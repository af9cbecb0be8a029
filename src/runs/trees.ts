/** Reads what a branch holds now, straight from its source. */

import { sourceCalls } from '../calls/source.ts';
import { TryAgain } from '../errors.ts';
import type { Parts } from '../parts.ts';
import { documentKey, type RefId, readableKey, refKey } from '../records.ts';
import type { InTree } from './differences.ts';

/** A head whose commit is gone when its tree is read was moved in between. */
export const TRIES = 3;

export const headOf = (parts: Parts, { instance, project, ref }: RefId) =>
  sourceCalls(parts, { instance, project })((port) => port.head(project, ref));

/** The files of the branch that are to be indexed. */
export async function* treePages(parts: Parts, id: RefId): AsyncGenerator<readonly InTree[]> {
  const ask = sourceCalls(parts, id);
  for (let tries = 1; ; tries += 1) {
    const head = await headOf(parts, id);
    if (head === undefined) return;
    let cursor: string | undefined;
    let told = false;
    for (;;) {
      const page = await ask((port) => port.tree(id.project, head, cursor));
      if (!page && (told || tries === TRIES)) throw movedTooFast(id);
      if (!page) break;
      told = true;
      yield page.entries
        .filter(({ path }) => parts.selected(path))
        .map((file) => ({ document: documentKey({ ...id, path: file.path }), file }));
      cursor = page.next;
      if (cursor === undefined) return;
    }
  }
}

export const movedTooFast = (id: RefId) =>
  new TryAgain(`${readableKey(refKey(id))} was moved, and its commits were removed, while its tree was read`);
