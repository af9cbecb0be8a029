/** What stands on the simulated GitLab: groups, projects over real bare repositories, users, tokens and hooks. */
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeRepository, type TestRepository } from '../repository.ts';
import { type CatFiles, catFiles } from './cat-file.ts';

export type Visibility = 'public' | 'internal' | 'private';
export type AccessLevel = 'enabled' | 'private' | 'disabled';

export interface SimulatedHook {
  readonly id: number;
  url: string;
  /** X-Gitlab-Token. */
  token: string | undefined;
  /** `whsec_…`; never told again. */
  signingToken: string | undefined;
  events: Record<string, boolean>;
  failures: number;
  disabledUntil: number | undefined;
}

export interface SimulatedGroup {
  readonly id: number;
  path: string;
  visibility: Visibility;
  readonly members: Map<number, number>;
  readonly hooks: SimulatedHook[];
}

export interface SimulatedProject {
  readonly id: number;
  /** `group/name`. */
  path: string;
  readonly formerPaths: string[];
  readonly repository: TestRepository;
  readonly wiki: TestRepository | undefined;
  visibility: Visibility;
  repositoryAccess: AccessLevel;
  wikiAccess: AccessLevel;
  archived: boolean;
  markedForDeletionOn: string | null;
  /** Deleted for good: every answer is 404. */
  destroyed: boolean;
  /** What a replica that has not heard of the newest pushes says of the branches; `undefined` when it keeps up. */
  replica: ReadonlyMap<string, string> | undefined;
  readonly members: Map<number, number>;
  readonly hooks: SimulatedHook[];
}

export interface SimulatedUser {
  readonly id: number;
  username: string;
  /** `blocked` of one who may not sign in any more. */
  state: 'active' | 'blocked';
  admin: boolean;
  external: boolean;
}

export interface SimulatedToken {
  active: boolean;
  scopes: readonly string[];
  expiresAt: string | null;
  /** `undefined`: may see everything. */
  user: SimulatedUser | undefined;
}

export interface World {
  readonly groups: SimulatedGroup[];
  readonly projects: SimulatedProject[];
  readonly users: SimulatedUser[];
  readonly tokens: Map<string, SimulatedToken>;
  readonly systemHooks: SimulatedHook[];
  readonly files: CatFiles;
  nextId(): number;
}

export const makeWorld = (): World => {
  let ids = 0;
  return {
    ...{ groups: [], projects: [], users: [], tokens: new Map(), systemHooks: [], files: catFiles() },
    nextId() {
      ids += 1;
      return ids;
    },
  };
};

export const namespaceOf = (path: string): string => path.slice(0, Math.max(0, path.lastIndexOf('/')));

/** The groups that a path lies in, the nearest first. */
export const ancestors = ({ groups }: World, path: string): SimulatedGroup[] => {
  const found: SimulatedGroup[] = [];
  for (let at = namespaceOf(path); at !== ''; at = namespaceOf(at)) {
    const group = groups.find((one) => one.path === at);
    if (group) found.push(group);
  }
  return found;
};

export const ensureGroups = (world: World, path: string): void => {
  const parts = path.split('/').slice(0, -1);
  for (let depth = 1; depth <= parts.length; depth += 1) {
    const name = parts.slice(0, depth).join('/');
    if (world.groups.some((group) => group.path === name)) continue;
    world.groups.push({ id: world.nextId(), path: name, visibility: 'private', members: new Map(), hooks: [] });
  }
};

/** What `post-receive` was told, a file for each push, put in place in one step. */
export const PUSHES = 'received-pushes';

const HOOK = `#!/bin/sh
cat > "${PUSHES}/.$$" && mv "${PUSHES}/.$$" "${PUSHES}/$$-$(date +%s%N)"
`;

export const installHook = async (repository: TestRepository): Promise<void> => {
  await mkdir(join(repository.directory, PUSHES), { recursive: true });
  const file = join(repository.directory, 'hooks', 'post-receive');
  await mkdir(join(repository.directory, 'hooks'), { recursive: true });
  await writeFile(file, HOOK);
  await chmod(file, 0o755);
  await repository.git('config', 'core.hooksPath', join(repository.directory, 'hooks'));
  // A force push leaves its commits behind until somebody collects them.
  await repository.git('config', 'receive.denyDeleteCurrent', 'ignore');
};

export interface ProjectOptions {
  readonly repository?: TestRepository;
  readonly visibility?: Visibility;
  readonly wiki?: boolean;
}

export const addProject = async (
  world: World,
  path: string,
  { repository, visibility = 'private', wiki = false }: ProjectOptions = {},
): Promise<SimulatedProject> => {
  ensureGroups(world, path);
  const project: SimulatedProject = {
    ...{ id: world.nextId(), path, formerPaths: [], visibility, repositoryAccess: 'enabled', archived: false },
    wikiAccess: wiki ? 'enabled' : 'disabled',
    ...{ markedForDeletionOn: null, destroyed: false, replica: undefined, members: new Map(), hooks: [] },
    repository: repository ?? (await makeRepository(['--bare'])),
    wiki: wiki ? await makeRepository(['--bare']) : undefined,
  };
  await installHook(project.repository);
  if (project.wiki) await installHook(project.wiki);
  world.projects.push(project);
  return project;
};

/** By id, path or a path that it once had; the last is answered with a redirect. */
export const findProject = (
  { projects }: World,
  name: string,
): { readonly project: SimulatedProject; readonly moved: boolean } | undefined => {
  const there = projects.filter(({ destroyed }) => !destroyed);
  const now = there.find(({ id, path }) => String(id) === name || path === name);
  if (now) return { project: now, moved: false };
  const once = there.find(({ formerPaths }) => formerPaths.includes(name));
  return once && { project: once, moved: true };
};

const REPORTER = 20;

/** Of the group, or of one that it lies in. */
export const groupLevelOf = (world: World, group: SimulatedGroup, user: number): number =>
  Math.max(...[group, ...ancestors(world, group.path)].map(({ members }) => members.get(user) ?? 0));

export const levelOf = (world: World, project: SimulatedProject, user: number): number =>
  Math.max(
    project.members.get(user) ?? 0,
    ...ancestors(world, project.path).map(({ members }) => members.get(user) ?? 0),
  );

export const maySee = (world: World, project: SimulatedProject, token: SimulatedToken | undefined): boolean => {
  if (token && (token.user === undefined || token.user.admin)) return true;
  if (project.visibility === 'public') return true;
  if (!token?.user) return false;
  if (project.visibility === 'internal' && !token.user.external) return true;
  return levelOf(world, project, token.user.id) > 0;
};

export const mayReadCode = (world: World, project: SimulatedProject, token: SimulatedToken | undefined): boolean => {
  if (project.repositoryAccess === 'disabled') return false;
  if (token && (token.user === undefined || token.user.admin)) return true;
  const isMember = token?.user !== undefined && levelOf(world, project, token.user.id) >= REPORTER;
  return (
    isMember ||
    (project.repositoryAccess === 'enabled' && project.visibility !== 'private' && maySee(world, project, token))
  );
};
