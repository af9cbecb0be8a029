import { asking, listProjects } from '../calls/source.ts';
import { BlockProject, StopFlow } from '../errors.ts';
import type { Parts } from '../parts.ts';
import type { Generation } from '../ports.ts';
import { documentKey, parseDocument, parseRef, projectKey, type RefId, readableKey, refKey } from '../records.ts';
import { hasPassed } from '../state/ends.ts';
import { activeGeneration } from '../state/generations.ts';
import { byRef, filePaths } from '../state/hints.ts';
import { pages, pointPages, rows, unwantedPages } from '../state/pages.ts';
import { SECOND } from '../units.ts';
import { compareDocuments, type Difference, type InTree } from './differences.ts';
import { endsOf, FLOWS, groupOf, topicsOf } from './run-rows.ts';
import { headOf, movedTooFast, TRIES, treePages } from './trees.ts';

/** What is on its way may take so long to arrive before it counts as a difference. */
const ARRIVE_MS = 60 * SECOND;
const LOOK_EVERY_MS = 1 * SECOND;
/** Documents that seem to differ are compared again so many at a time, and no more of them are held. */
const SUSPECTS = 5_000;
/** Documents whose points are read together, with their texts. */
const TOGETHER = 100;

export interface Verify {
  /** `document` is `instance/project/ref/path`. */
  readonly onDifference: (difference: Difference) => void | Promise<void>;
  /** Files what mends them: looks at their paths. */
  readonly repair: boolean;
  readonly stop: AbortSignal;
}

export interface Verified {
  /** Files that the trees have and that are to be indexed. */
  readonly documents: number;
  readonly differences: number;
  readonly status: 'same' | 'different';
}

/**
 * Tree, wants, ledger and points against each other in both directions, with the tree straight from its source. While
 * people push much differs for a moment: what seems to is compared once more when all that was on its way by then has
 * arrived, and only what differs still is told.
 */
export const verify = async (parts: Parts, { onDifference, repair, stop }: Verify): Promise<Verified> => {
  const active = await activeGeneration(parts);
  if (active === undefined) throw new StopFlow('there is nothing to verify: nothing was indexed yet');
  const generation = parts.store.generation(active);
  const refused = new Map<string, string>();
  const suspects = new Set<string>();
  let [documents, differences] = [0, 0];

  /** What a project that refuses us cannot be asked; it is told by itself. */
  const unlessRefused = async (id: ProjectId, work: () => Promise<void>): Promise<void> => {
    try {
      if (!refused.has(projectKey(id))) await work();
    } catch (error) {
      if (!(error instanceof BlockProject)) throw error;
      refused.set(projectKey(id), error.message);
    }
  };

  const tell = async (found: readonly Difference[]) => {
    for (const one of found) await onDifference({ ...one, document: readableKey(one.document) });
    differences += found.length;
    if (repair) await filePaths(parts, 'verify', [...new Set(found.map(({ document }) => document))]);
  };

  const compareSuspects = async () => {
    const mine = [...suspects];
    suspects.clear();
    if (mine.length === 0 || stop.aborted) return;
    await untilArrived(parts, active, stop);
    for (const { id, paths } of byRef(mine)) {
      await unlessRefused(id, async () => {
        for (let at = 0; at < paths.length; at += TOGETHER) {
          const there = await filesOf(parts, id, paths.slice(at, at + TOGETHER));
          await tell(await compareDocuments(parts, there, { generation, strays: true }));
        }
      });
    }
  };

  const suspect = async (found: readonly string[]) => {
    for (const document of found) suspects.add(document);
    if (suspects.size >= SUSPECTS) await compareSuspects();
  };

  for await (const project of projectsOf(parts)) {
    await unlessRefused(project, async () => {
      const refs = await asking(parts, project)((port) => port.refs(project.project));
      for (const ref of refs.keys()) {
        const id = { ...project, ref };
        for await (const page of treePages(parts, id)) {
          if (stop.aborted) return;
          documents += page.length;
          const found = await compareDocuments(parts, page, { generation, strays: false });
          await suspect(found.map(({ document }) => document));
        }
      }
    });
  }
  for await (const { key } of rows(parts.state, 'refs', 'refs')) {
    const id = parseRef(key);
    await unlessRefused(id, async () => {
      for await (const found of wantsWithoutFiles(parts, id, generation)) {
        if (stop.aborted) return;
        await suspect(found);
      }
    });
  }
  for await (const found of heldWithoutReason(parts, generation)) {
    if (stop.aborted) break;
    await suspect(found);
  }
  await compareSuspects();
  for (const [project, reason] of refused) {
    differences += 1;
    await onDifference({ kind: 'refused_project', document: readableKey(project), expected: null, found: reason });
  }
  return { documents, differences, status: differences === 0 ? 'same' : 'different' };
};

type ProjectId = Omit<RefId, 'ref'>;

async function* projectsOf({ sources }: Parts): AsyncGenerator<ProjectId> {
  for (const [instance, source] of sources)
    for (const { id: project } of await listProjects(source)) yield { instance, project };
}

/** These paths of the branch as it is now. */
const filesOf = async (parts: Parts, id: RefId, paths: readonly string[]): Promise<readonly InTree[]> => {
  for (let tries = 1; ; tries += 1) {
    const head = await headOf(parts, id);
    const entries =
      head === undefined ? new Map() : await asking(parts, id)((port) => port.entries(id.project, head, paths));
    if (!entries && tries < TRIES) continue;
    if (!entries) throw movedTooFast(id);
    return paths.map((path) => ({
      document: documentKey({ ...id, path }),
      file: parts.selected(path) ? entries.get(path) : undefined,
    }));
  }
};

/** Documents that are wanted and not in the tree; and those that are to be gone and are in the ledger. */
async function* wantsWithoutFiles(parts: Parts, id: RefId, generation: Generation): AsyncGenerator<readonly string[]> {
  for await (const page of pages(parts.state, 'wants', refKey(id))) {
    const live = page.filter(({ value }) => value.blob !== null).map(({ key }) => parseDocument(key).path);
    const files = live.length > 0 ? await filesOf(parts, id, live) : [];
    yield files.filter(({ file }) => !file).map(({ document }) => document);
    const gone = page.filter(({ value }) => value.blob === null).map(({ key }) => key);
    const ledger = await generation.ledger(gone);
    yield gone.filter((document) => (ledger.get(document)?.status ?? 'gone') !== 'gone');
  }
}

/** Entries that no want asks for, and documents with points that no entry names. */
async function* heldWithoutReason({ state }: Parts, generation: Generation): AsyncGenerator<readonly string[]> {
  yield* unwantedPages(state, generation);
  for await (const page of pointPages(generation)) {
    const ledger = await generation.ledger([...new Set(page.map(({ document }) => document))]);
    const strays = page.filter(({ document, id }) => !ledger.get(document)?.chunks.includes(id));
    yield strays.map(({ document }) => document);
  }
}

/** All that was in the log when we began has come to its end, as far as somebody works on it. */
const untilArrived = async (parts: Parts, active: string, stop: AbortSignal): Promise<void> => {
  const { log, time } = parts;
  const deadline = time.now() + ARRIVE_MS;
  for (const flow of FLOWS) {
    const ends = await endsOf(parts, flow);
    const group = groupOf(parts, flow, active);
    for (const [lane, topic] of topicsOf(parts, flow).entries()) {
      while (!stop.aborted && time.now() < deadline) {
        if (await hasPassed(parts, topic, group, ends[lane] ?? [])) break;
        if ((await log.members(topic, group)) === 0) break;
        await time.sleep(LOOK_EVERY_MS, stop);
      }
    }
  }
};
