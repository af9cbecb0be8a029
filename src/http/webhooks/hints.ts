/** From what a webhook says to hints in the log of each pipeline that indexes the project. */

import type { Parts } from '../../parts.ts';
import type { Pipeline } from '../../pipeline/open.ts';
import type { HookFormat, News, RepoSource } from '../../ports.ts';
import { parseRef, projectKey, WIKI } from '../../records.ts';
import { fileHints, type Hint } from '../../state/hints.ts';
import { rows } from '../../state/pages.ts';
import { MINUTE } from '../../units.ts';

type Receiving = Pick<Pipeline, 'name' | 'parts' | 'dependencies'>;
type Believed = Exclude<News, { readonly is: 'other' | 'strange' }>;

/** A source that hooks of one format tell of. */
interface Told {
  readonly instance: string;
  readonly port: RepoSource;
}

const toldBy = ({ parts }: Receiving, format: HookFormat): readonly Told[] =>
  [...parts.sources].flatMap(([instance, { port }]) => (port.hooks?.kind === format.kind ? [{ instance, port }] : []));

const originOf = (url: string | undefined): string | undefined =>
  url !== undefined && URL.canParse(url) ? new URL(url).origin : undefined;

/** Who sent it, by what it says of itself. A server that we reach by another name than its own is the only one, or unknown. */
const sendersOf = (sources: readonly Told[], news: Believed, server: string | undefined): ReadonlySet<string> => {
  const all = new Set(sources.flatMap(({ port }) => originOf(port.server) ?? []));
  const said = [originOf(server), 'webUrl' in news ? originOf(news.webUrl) : undefined];
  const sender = said.find((origin) => origin !== undefined && all.has(origin));
  if (sender !== undefined) return new Set([sender]);
  return all.size === 1 ? all : new Set();
};

const isUp = ({ dependencies }: Receiving, wanted: string): boolean =>
  dependencies().every(({ name, downSince }) => name !== wanted || downSince() === undefined);

/** Noted so often at most. */
const NOTED_EACH_MS = 1 * MINUTE;

/** Resolves to how many hints the logs hold by then. */
export const webhookHints = (format: HookFormat, pipelines: readonly Receiving[]) => {
  const noted = new Map<RepoSource, number>();

  /** So that the status can say whether anything is ever told. */
  const note = async (pipeline: Receiving, { instance, port }: Told) => {
    const { state, time } = pipeline.parts;
    const at = time.now();
    if (at - (noted.get(port) ?? Number.NEGATIVE_INFINITY) < NOTED_EACH_MS || !isUp(pipeline, 'store')) return;
    noted.set(port, at);
    await state.raise('heard', [{ key: instance, scope: 'heard', seq: at, token: time.token(), value: { at } }]);
  };

  return async (news: News, server: string | undefined): Promise<number> => {
    if (news.is === 'other' || news.is === 'strange') return 0;
    const senders = sendersOf(
      pipelines.flatMap((pipeline) => toldBy(pipeline, format)),
      news,
      server,
    );
    let filed = 0;
    for (const pipeline of pipelines) {
      for (const source of toldBy(pipeline, format)) {
        if (!senders.has(originOf(source.port.server) ?? '')) continue;
        const hints = await hintsOf(pipeline, source, news);
        await fileHints(pipeline.parts, 'events', 'webhook', hints);
        filed += hints.length;
        await note(pipeline, source);
      }
    }
    return filed;
  };
};

const hintsOf = async (pipeline: Receiving, source: Told, news: Believed): Promise<readonly Hint[]> => {
  const { parts } = pipeline;
  const { instance, port } = source;
  const id = (project: string, ref = '') => ({ instance, project, ref });
  const withState = isUp(pipeline, 'store');
  if (news.is === 'group') {
    const projects = withState ? await projectsIn(parts, instance, news.paths) : [];
    return projects.map((project): Hint => ({ kind: 'project', id: id(project) }));
  }
  const row = withState ? await rowOf(parts, id(news.project)) : undefined;
  if (!row && !port.leadsTo(news)) return [];
  const itself: Hint = { kind: 'project', id: id(news.project) };
  if (news.is === 'project') return [{ ...itself, ...(news.destroyed ? { force: true } : {}) }];
  // What it is and which branches it has is asked of its source before anything is written of it.
  if (withState && !row) return [itself];
  const looks = looksOf(port, news).map(({ ref, ...hint }): Hint => ({ ...hint, id: id(news.project, ref) }));
  // What is hidden is looked at again when it shows itself.
  if (row?.hidden !== undefined) return [itself];
  return row || looks.length === 0 ? looks : [itself, ...looks];
};

const looksOf = (port: RepoSource, news: Exclude<Believed, { readonly is: 'group' }>) => {
  const mayTrack = (ref: string) => port.mayTrack(news.project, ref, news.defaultBranch);
  // Of a page nothing is said that tells its version: the wiki is asked.
  if (news.is === 'wiki') return mayTrack(WIKI) ? [{ ref: WIKI }] : [];
  if (news.is !== 'push') return [];
  return news.moved.filter(({ ref }) => mayTrack(ref)).map(({ ref, before, after }) => ({ ref, before, after }));
};

const rowOf = async ({ state }: Parts, id: { instance: string; project: string }) =>
  (await state.read('projects', [projectKey(id)])).get(projectKey(id))?.value;

/** By their rows, which know the groups of before. */
const projectsIn = async ({ state }: Parts, instance: string, paths: readonly string[]): Promise<readonly string[]> => {
  const found: string[] = [];
  for await (const { key, value } of rows(state, 'projects', 'projects')) {
    const id = parseRef(key);
    if (id.instance === instance && value.groups.some((group) => paths.includes(group))) found.push(id.project);
  }
  return found;
};
