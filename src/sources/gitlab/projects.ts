/** Which projects and branches of a GitLab are indexed, and what is known of them. */
import { BlockProject, messageOf } from '../../errors.ts';
import { isPattern, type RefNames, refSelection } from '../../paths/ref-selection.ts';
import type { Project } from '../../ports.ts';
import { WIKI } from '../../records.ts';
import { SECOND } from '../../units.ts';
import { branchSchema, checked, type GitlabApi, type ProjectAnswer, projectSchema } from './api.ts';
import { Refused } from './requests.ts';
import type { GitlabWikis } from './wikis.ts';

/** How long it holds what a listing has told of a project. */
const TOLD_MS = 60 * SECOND;
const PER_PAGE = 100;

export interface Scope {
  readonly groups: readonly string[];
  readonly projects: readonly string[];
  readonly refs: RefNames;
  /** Archived projects are indexed as they stand. */
  readonly archived: boolean;
  /** Wikis are refs of their projects. */
  readonly wikis: boolean;
}

export interface ProjectsOptions {
  readonly api: GitlabApi;
  readonly scope: Scope;
  readonly wikis: Pick<GitlabWikis, 'head'>;
  readonly now: () => number;
}

const LED_NO_MORE = 'the configuration leads to it no more';

const namespaceOf = (path: string): string => path.slice(0, path.lastIndexOf('/'));

/** `a`, `a/b` of `a/b/name`. */
const groupsOf = (path: string): string[] =>
  namespaceOf(path)
    .split('/')
    .map((_, at, parts) => parts.slice(0, at + 1).join('/'));

const isOpen = (access: string) => access === 'enabled' || access === 'public';
const hasWiki = ({ wiki_access_level: access = 'enabled' }: ProjectAnswer) => access !== 'disabled';

/** The strictest of who may see the project, its code, and its wiki where that is indexed. */
const visibilityOf = ({ wikis }: Scope, answer: ProjectAnswer) => {
  const { visibility, repository_access_level: code = 'enabled', wiki_access_level: wiki = 'enabled' } = answer;
  return isOpen(code) && (!wikis || !hasWiki(answer) || isOpen(wiki)) ? visibility : 'private';
};

/** Whether the configuration names it, by its id or its path, or a group that it is in. */
export const isNamed = (
  { groups, projects }: Pick<Scope, 'groups' | 'projects'>,
  { id, path }: { readonly id: string; readonly path: string },
): boolean => {
  const lower = path.toLowerCase();
  const isAbove = (group: string) => lower.startsWith(`${group.toLowerCase()}/`);
  return groups.some(isAbove) || projects.some((one) => one === id || one.toLowerCase() === lower);
};

const whyHidden = (scope: Scope, answer: ProjectAnswer, listed: ReadonlySet<number>): string | undefined => {
  const { archived, marked_for_deletion_on: deletion, path_with_namespace: path } = answer;
  if (typeof deletion === 'string') return 'its deletion is scheduled';
  if (archived && !scope.archived) return 'it is archived';
  // Listed are also those that are named by a path that they had before, or by the id of their group.
  return listed.has(answer.id) || isNamed(scope, { id: String(answer.id), path }) ? undefined : LED_NO_MORE;
};

const projectOf = (scope: Scope, answer: ProjectAnswer, listed: ReadonlySet<number>): Project => ({
  id: String(answer.id),
  path: answer.path_with_namespace,
  url: answer.web_url,
  visibility: visibilityOf(scope, answer),
  groups: groupsOf(answer.path_with_namespace),
  archived: answer.archived,
  hidden: whyHidden(scope, answer, listed),
});

const isNotFound = (error: unknown): boolean => error instanceof Refused && error.status === 404;

export const gitlabProjects = ({ api, scope, wikis, now }: ProjectsOptions) => {
  const told = new Map<string, { readonly answer: ProjectAnswer; readonly at: number }>();
  const named = refSelection(scope.refs);
  /** By the last list that came whole. */
  let listed: ReadonlySet<number> = new Set();

  const heard = (value: unknown): ProjectAnswer => {
    const answer = checked(projectSchema, 'a project', value);
    told.set(String(answer.id), { answer, at: now() });
    return answer;
  };

  const show = async (project: string): Promise<ProjectAnswer> => heard(await api.projects.show(project));

  /** What is known of a project that the configuration leads to. Of another one nothing is read, and nothing deleted. */
  const selected = async (project: string): Promise<ProjectAnswer> => {
    const known = told.get(project);
    const answer = known && now() - known.at < TOLD_MS ? known.answer : await show(project);
    const { id, path_with_namespace: path } = answer;
    if (listed.has(id) || isNamed(scope, { id: String(id), path })) return answer;
    throw new BlockProject(`project ${path}: ${LED_NO_MORE}`);
  };

  const branch = async (project: string, ref: string): Promise<string | undefined> => {
    try {
      return checked(branchSchema, 'a branch', await api.branches.show(project, ref)).commit.id;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    // One that is not found may be hidden by a proxy, or by a replica: only a list that lacks it says that it is gone.
    return (await list(project, `^${ref}`)).get(ref);
  };

  const list = async (project: string, search?: string): Promise<ReadonlyMap<string, string>> => {
    const options = { perPage: PER_PAGE, ...(search === undefined ? {} : { search }) };
    const found: unknown = await api.branches.all(project, options);
    const branches = checked(branchSchema.array(), 'branches', found);
    return new Map(branches.map(({ name, commit }) => [name, commit.id]));
  };

  /** Whether the branch is one of those that are indexed. */
  const tracks = async (project: string, ref: string): Promise<boolean> => {
    if (ref === WIKI) return scope.wikis && hasWiki(await selected(project));
    return scope.refs.length > 0 ? named(ref) : (await selected(project)).default_branch === ref;
  };

  const branches = async (project: string): Promise<ReadonlyMap<string, string>> => {
    const { default_branch: standard } = await selected(project);
    const names = scope.refs.length > 0 ? scope.refs : [standard ?? ''].filter((name) => name !== '');
    if (names.some(isPattern)) return new Map([...(await list(project))].filter(([ref]) => named(ref)));
    const heads = new Map<string, string>();
    for (const name of names) {
      const head = await branch(project, name);
      if (head !== undefined) heads.set(name, head);
    }
    return heads;
  };

  return {
    tracks,

    one: async (project: string): Promise<Project> => projectOf(scope, await show(project), listed),

    /** Those of the configuration, each once; throws at its end for what of it is refused. */
    async *all(): AsyncGenerator<Project> {
      const seen = new Set<number>();
      const refused: Refused[] = [];
      const once = function* (answers: readonly ProjectAnswer[]) {
        for (const answer of answers) {
          if (seen.has(answer.id) || (answer.archived && !scope.archived)) continue;
          seen.add(answer.id);
          yield projectOf(scope, answer, seen);
        }
      };
      const unlessRefused = async (ask: () => Promise<readonly ProjectAnswer[]>) => {
        try {
          return await ask();
        } catch (error) {
          if (!(error instanceof Refused) || error.status === 401) throw error;
          refused.push(error);
          return [];
        }
      };
      for (const group of scope.groups) {
        const options = {
          includeSubgroups: true,
          withShared: false,
          perPage: PER_PAGE,
          orderBy: 'id',
          sort: 'asc',
        } as const;
        yield* once(
          await unlessRefused(async () => {
            const listed: unknown[] = await api.groups.allProjects(group, options);
            return listed.map(heard);
          }),
        );
      }
      for (const name of scope.projects) yield* once(await unlessRefused(async () => [await show(name)]));
      const [first] = refused;
      if (!first) listed = seen;
      else
        throw new BlockProject(
          `${refused.length} of the groups and projects of the configuration cannot be read, the first: ${messageOf(first)}`,
        );
    },

    async refs(project: string): Promise<ReadonlyMap<string, string>> {
      const wiki = (await tracks(project, WIKI)) ? await wikis.head(project) : undefined;
      return new Map([...(await branches(project)), ...(wiki === undefined ? [] : [[WIKI, wiki] as const])]);
    },

    async head(project: string, ref: string): Promise<string | undefined> {
      await selected(project);
      if (!(await tracks(project, ref))) return undefined;
      return ref === WIKI ? wikis.head(project) : branch(project, ref);
    },

    /** Throws unless it answers, and its repository with it. */
    async assertThere(project: string): Promise<void> {
      const { repository_access_level: access, path_with_namespace: path } = await show(project);
      if (access === 'disabled') throw new BlockProject(`project ${path} has no repository: it is switched off`);
    },
  };
};
export type GitlabProjects = ReturnType<typeof gitlabProjects>;

/** A failure in a sentence that says what to do about it. */
export const lacking = ({ message, code }: Refused): string =>
  code === 'insufficient_scope'
    ? `${message}. The token needs the scopes read_api and read_repository`
    : `${message}. The token's user needs at least the role Reporter there`;
