/** From what a webhook says to hints in the log of each pipeline that indexes the project. */

import type { Parts } from '../../parts.ts';
import type { Pipeline } from '../../pipeline/open.ts';
import { parseRef, projectKey, WIKI } from '../../records.ts';
import type { GitlabInstance } from '../../sources/gitlab/instance.ts';
import { fileHints, type Hint } from '../../state/hints.ts';
import { rows } from '../../state/pages.ts';
import { MINUTE } from '../../units.ts';
import type { News, ProjectNews } from './events.ts';

type Receiving = Pick<Pipeline, 'name' | 'parts' | 'gitlabs' | 'dependencies'>;
type Believed = Exclude<News, { readonly is: 'other' | 'strange' }>;

const originOf = (url: string | undefined): string | undefined =>
  url !== undefined && URL.canParse(url) ? new URL(url).origin : undefined;

/** Who sent it, by what it says of itself. A server that we reach by another name than its own is the only one, or unknown. */
const sendersOf = (
  pipelines: readonly Receiving[],
  news: Believed,
  instance: string | undefined,
): ReadonlySet<string> => {
  const all = new Set(pipelines.flatMap(({ gitlabs }) => gitlabs.map(({ url }) => new URL(url).origin)));
  const said = [originOf(instance), 'webUrl' in news ? originOf(news.webUrl) : undefined];
  const sender = said.find((origin) => origin !== undefined && all.has(origin));
  if (sender !== undefined) return new Set([sender]);
  return all.size === 1 ? all : new Set();
};

const isUp = ({ dependencies }: Receiving, wanted: string): boolean =>
  dependencies().every(({ name, downSince }) => name !== wanted || downSince() === undefined);

/** Noted so often at most. */
const NOTED_EACH_MS = 1 * MINUTE;

/** Resolves to how many hints the logs hold by then. */
export const webhookHints = (pipelines: readonly Receiving[]) => {
  const noted = new Map<GitlabInstance, number>();

  /** So that the status can say whether anything is ever told. */
  const note = async (pipeline: Receiving, gitlab: GitlabInstance) => {
    const { state, time } = pipeline.parts;
    const at = time.now();
    if (at - (noted.get(gitlab) ?? Number.NEGATIVE_INFINITY) < NOTED_EACH_MS || !isUp(pipeline, 'store')) return;
    noted.set(gitlab, at);
    await state.raise('heard', [{ key: gitlab.name, scope: 'heard', seq: at, token: time.token(), value: { at } }]);
  };

  return async (news: News, instance: string | undefined): Promise<number> => {
    if (news.is === 'other' || news.is === 'strange') return 0;
    const senders = sendersOf(pipelines, news, instance);
    let filed = 0;
    for (const pipeline of pipelines) {
      for (const gitlab of pipeline.gitlabs) {
        if (!senders.has(new URL(gitlab.url).origin)) continue;
        const hints = await hintsOf(pipeline, gitlab, news);
        await fileHints(pipeline.parts, 'events', 'webhook', hints);
        filed += hints.length;
        await note(pipeline, gitlab);
      }
    }
    return filed;
  };
};

const hintsOf = async (pipeline: Receiving, gitlab: GitlabInstance, news: Believed): Promise<readonly Hint[]> => {
  const { parts } = pipeline;
  const id = (project: string, ref = '') => ({ instance: gitlab.name, project, ref });
  const withState = isUp(pipeline, 'store');
  if (news.is === 'group') {
    const projects = withState ? await projectsIn(parts, gitlab.name, news.paths) : [];
    return projects.map((project): Hint => ({ kind: 'project', id: id(project) }));
  }
  const row = withState ? await rowOf(parts, id(news.project)) : undefined;
  if (!row && !gitlab.names(news)) return [];
  const itself: Hint = { kind: 'project', id: id(news.project) };
  if (news.is === 'project') return [{ ...itself, ...(news.destroyed ? { force: true } : {}) }];
  // What it is and which branches it has is asked of GitLab before anything is written of it.
  if (withState && !row) return [itself];
  const looks = looksOf(gitlab, news).map(({ ref, ...hint }): Hint => ({ ...hint, id: id(news.project, ref) }));
  // What is hidden is looked at again when it shows itself.
  if (row?.hidden !== undefined) return [itself];
  return row || looks.length === 0 ? looks : [itself, ...looks];
};

const looksOf = (gitlab: GitlabInstance, news: Extract<Believed, ProjectNews>) => {
  // Of a page nothing is said that tells its version: the wiki is asked.
  if (news.is === 'wiki') return gitlab.scope.wikis ? [{ ref: WIKI }] : [];
  if (news.is !== 'push') return [];
  return news.moved
    .filter(({ ref }) => gitlab.mayTrack(ref, news.defaultBranch))
    .map(({ ref, before, after }) => ({ ref, before, after }));
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
