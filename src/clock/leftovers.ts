import type { Parts } from '../parts.ts';
import type { Generation } from '../ports.ts';
import { generationsKeptInStep, whileKeptInStep } from '../state/generations.ts';
import { filePaths } from '../state/hints.ts';
import { pointPages, unwantedPages } from '../state/pages.ts';

/**
 * What a process leaves behind that was frozen in the middle of a write, woke up long after others had done its work,
 * and died: points that no ledger names, and entries that no want asks for.
 */
export const leftovers = async (parts: Parts, stop: AbortSignal): Promise<void> => {
  for (const name of await generationsKeptInStep(parts)) {
    const generation = parts.store.generation(name);
    await whileKeptInStep(parts, name, async () => {
      await prunePoints(parts, generation, stop);
      await fileUnwanted(parts, generation, stop);
    });
  }
};

const prunePoints = async ({ state }: Parts, generation: Generation, stop: AbortSignal): Promise<void> => {
  for await (const page of pointPages(generation)) {
    const highest = new Map<string, number>();
    for (const { document, seq } of page) highest.set(document, Math.max(highest.get(document) ?? 0, seq));
    const documents = [...highest.keys()];
    // Wants first: a document without one that has an entry by now was wanted in between, and is left alone.
    const wants = await state.read('wants', documents);
    const ledger = await generation.ledger(documents);
    for (const { document, id, seq } of page) {
      const entry = ledger.get(document);
      if (entry && seq <= entry.seq && !entry.chunks.includes(id))
        await generation.prune(document, entry.seq, entry.chunks);
      else if (!entry && !wants.has(document)) await generation.prune(document, highest.get(document) ?? seq, []);
    }
    if (stop.aborted) return;
  }
};

const fileUnwanted = async (parts: Parts, generation: Generation, stop: AbortSignal): Promise<void> => {
  for await (const documents of unwantedPages(parts.state, generation)) {
    if (stop.aborted) return;
    await filePaths(parts, 'unwanted', documents);
  }
};
