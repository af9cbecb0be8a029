/** What GitLab sends, with its quirks: they are why a payload is a hint and never the truth. */
import { randomUUID } from 'node:crypto';
import { headsOf, type TestRepository } from '../repository.ts';
import { defaultBranch } from './repository-routes.ts';
import { namespaceOf, type SimulatedProject, type Visibility } from './world.ts';

export const ZEROS = '0'.repeat(40);
/** `commits` holds the newest of a push and no more. */
const MAX_COMMITS = 20;
const MOST_CONSIDERED = 100;

export interface RefUpdate {
  readonly before: string;
  readonly after: string;
  /** `refs/heads/main`. */
  readonly ref: string;
}

const isNothing = (id: string) => /^0+$/.test(id);

const VISIBILITY: Readonly<Record<Visibility, number>> = { private: 0, internal: 10, public: 20 };

const projectPart = async (project: SimulatedProject, origin: string) => ({
  id: project.id,
  name: project.path.slice(project.path.lastIndexOf('/') + 1),
  description: '',
  web_url: `${origin}/${project.path}`,
  git_http_url: `${origin}/${project.path}.git`,
  namespace: namespaceOf(project.path),
  visibility_level: VISIBILITY[project.visibility],
  path_with_namespace: project.path,
  default_branch: await defaultBranch(project.repository),
});

/** A rename is the new path in `added`; the old path is in no list. */
const filesOf = async (repository: TestRepository, commit: string) => {
  const text = await repository.git(
    ...['-c', 'core.quotePath=false', 'diff-tree', '--root', '--no-commit-id', '-r', '-m', '--first-parent'],
    ...['-M', '--name-status', commit],
  );
  const files = { added: [] as string[], modified: [] as string[], removed: [] as string[] };
  for (const line of text.split('\n')) {
    const [status = '', path = '', renamed] = line.split('\t');
    if (status.startsWith('A')) files.added.push(path);
    else if (status.startsWith('R')) files.added.push(renamed ?? path);
    else if (status.startsWith('D')) files.removed.push(path);
    else if (status !== '') files.modified.push(path);
  }
  return files;
};

const commitsOf = async (repository: TestRepository, { before, after }: RefUpdate, base: string | undefined) => {
  if (isNothing(after)) return { commits: [], total: 0 };
  const from = isNothing(before) ? (base ?? '') : before;
  const range = from === '' ? [after] : [`${from}..${after}`];
  const ids = (await repository.git('rev-list', '--reverse', ...range)).split('\n').filter((id) => id !== '');
  const newest = ids.slice(-MOST_CONSIDERED).slice(-MAX_COMMITS);
  const commits = [];
  for (const id of newest) commits.push({ id, message: 'x', title: 'x', ...(await filesOf(repository, id)) });
  return { commits, total: ids.length };
};

const commitBehind = async (repository: TestRepository, id: string) =>
  isNothing(id) ? null : repository.git('rev-parse', `${id}^{commit}`);

export const pushPayload = async (project: SimulatedProject, update: RefUpdate, origin: string) => {
  const { repository } = project;
  const isTag = update.ref.startsWith('refs/tags/');
  const standard = await defaultBranch(repository);
  const base = update.ref === `refs/heads/${standard}` ? undefined : (await headsOf(repository)).get(standard ?? '');
  const { commits, total } = isTag ? { commits: [], total: 0 } : await commitsOf(repository, update, base);
  const kind = isTag ? 'tag_push' : 'push';
  return {
    ...{ object_kind: kind, event_name: kind, ...update, ref_protected: false },
    checkout_sha: await commitBehind(repository, update.after),
    ...{ message: null, user_id: 1, user_name: 'Somebody', user_username: 'somebody', user_email: null },
    ...{ project_id: project.id, project: await projectPart(project, origin), commits },
    ...{ total_commits_count: total, push_options: {}, repository: { name: project.path } },
  };
};

/** A system hook's push has no commits, and its project no id. */
export const systemPushPayload = async (project: SimulatedProject, update: RefUpdate, origin: string) => {
  const { project: full, ...rest } = await pushPayload(project, update, origin);
  const { id: _id, ...withoutId } = full;
  return { ...rest, commits: [], project: withoutId };
};

export const repositoryUpdatePayload = async (
  project: SimulatedProject,
  updates: readonly RefUpdate[],
  origin: string,
) => ({
  ...{ event_name: 'repository_update', user_id: 1, user_name: 'Somebody', project_id: project.id },
  project: await projectPart(project, origin),
  changes: updates,
  refs: [...new Set(updates.map(({ ref }) => ref))],
});

export const wikiPayload = async (project: SimulatedProject, update: RefUpdate, origin: string) => ({
  ...{ object_kind: 'wiki_page', user: { id: 1, username: 'somebody' } },
  project: await projectPart(project, origin),
  wiki: { path_with_namespace: `${project.path}.wiki`, default_branch: 'main' },
  object_attributes: { title: 'Home', slug: 'home', format: 'markdown', action: 'update', version_id: update.after },
});

export const projectPayload = (
  event: 'project_create' | 'project_destroy' | 'project_rename' | 'project_transfer' | 'project_update',
  { id, path, visibility }: SimulatedProject,
  formerPath?: string,
) => ({
  ...{ event_name: event, created_at: '2026-11-21T00:00:00Z', updated_at: '2026-11-21T00:00:00Z' },
  ...{ name: path.slice(path.lastIndexOf('/') + 1), path_with_namespace: path, project_id: id },
  ...{ project_visibility: visibility, event_id: randomUUID() },
  ...(formerPath === undefined ? {} : { old_path_with_namespace: formerPath }),
});
