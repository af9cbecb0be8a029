/** Projects, groups, users, members and hooks. */
import { type Answer, json, keysetPage, notFound, offsetPage } from './answers.ts';
import { defaultBranch, repositoryRoute } from './repository-routes.ts';
import { wikiRoute } from './wiki-routes.ts';
import {
  findProject,
  groupLevelOf,
  levelOf,
  mayReadCode,
  maySee,
  namespaceOf,
  type SimulatedHook,
  type SimulatedProject,
  type SimulatedToken,
  type World,
} from './world.ts';

export interface Request {
  readonly method: string;
  readonly url: URL;
  /** Below `/api/v4/`, decoded part by part. */
  readonly parts: readonly string[];
  /** What follows `/projects/:id/repository/`, as it was written. */
  readonly raw: string;
  readonly body: Record<string, unknown>;
  readonly token: SimulatedToken | undefined;
}

export const showProject = async (project: SimulatedProject, origin: string) => {
  const standard = await defaultBranch(project.repository);
  const name = project.path.slice(project.path.lastIndexOf('/') + 1);
  return {
    id: project.id,
    name,
    path: name,
    path_with_namespace: project.path,
    namespace: { id: 1, kind: 'group', full_path: namespaceOf(project.path) },
    default_branch: standard,
    empty_repo: standard === null,
    visibility: project.visibility,
    repository_access_level: project.repositoryAccess,
    wiki_access_level: project.wikiAccess,
    archived: project.archived,
    marked_for_deletion_on: project.markedForDeletionOn,
    marked_for_deletion_at: project.markedForDeletionOn,
    web_url: `${origin}/${project.path}`,
    http_url_to_repo: `${origin}/${project.path}.git`,
  };
};

const showHook = ({ id, url, token, signingToken, events, failures, disabledUntil }: SimulatedHook) => ({
  ...{ id, url, ...events, enable_ssl_verification: true },
  ...{ token_present: token !== undefined, signing_token_present: signingToken !== undefined },
  alert_status: disabledUntil === undefined ? 'executable' : failures >= 40 ? 'disabled' : 'temporarily_disabled',
  disabled_until: disabledUntil === undefined ? null : new Date(disabledUntil).toISOString(),
});

const eventsIn = (body: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(body).flatMap(([key, value]) => (key.endsWith('_events') ? [[key, value === true]] : [])),
  );

const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

const hooksRoute = (world: World, hooks: SimulatedHook[], { method, parts, body, url }: Request): Answer => {
  const [id, what] = parts.slice(parts.indexOf('hooks') + 1);
  if (id === undefined && method === 'GET') return offsetPage(hooks, url, showHook);
  if (id === undefined) {
    const hook: SimulatedHook = {
      ...{ id: world.nextId(), url: text(body.url) ?? '', token: text(body.token) },
      ...{ signingToken: text(body.signing_token), events: eventsIn(body), failures: 0, disabledUntil: undefined },
    };
    hooks.push(hook);
    return json(showHook(hook), {}, 201);
  }
  const at = hooks.findIndex((hook) => String(hook.id) === id);
  const hook = hooks[at];
  if (!hook) return notFound('Hook');
  if (what === 'test') {
    // A test that gets through lets a disabled hook run again.
    Object.assign(hook, { failures: 0, disabledUntil: undefined });
    return json({ message: '201 Created' }, {}, 201);
  }
  if (method === 'DELETE') {
    hooks.splice(at, 1);
    return { status: 204, body: '' };
  }
  if (method === 'PUT') {
    hook.url = text(body.url) ?? hook.url;
    hook.token = text(body.token) ?? hook.token;
    hook.signingToken = text(body.signing_token) ?? hook.signingToken;
    hook.events = { ...hook.events, ...eventsIn(body) };
  }
  return json(showHook(hook));
};

const shownAll = async (projects: readonly SimulatedProject[], origin: string) =>
  new Map(await Promise.all(projects.map(async (one) => [one, await showProject(one, origin)] as const)));

const listProjects = async (all: readonly SimulatedProject[], { url }: Request): Promise<Answer> => {
  const archived = url.searchParams.get('archived');
  const listed = all.filter((one) => archived === null || one.archived === (archived === 'true'));
  const shown = await shownAll(listed, url.origin);
  const show = (one: SimulatedProject) => shown.get(one);
  if (url.searchParams.get('pagination') === 'keyset')
    return keysetPage(listed, url, { parameter: 'id_after', keyOf: ({ id }) => String(id), show });
  return offsetPage(listed, url, show);
};

const groupRoute = async (world: World, request: Request): Promise<Answer> => {
  const { parts, url, token } = request;
  const [, name = '', what, all, user] = parts;
  const group = world.groups.find(({ id, path }) => String(id) === name || path === name);
  if (!group) return notFound('Group');
  const shown = { id: group.id, full_path: group.path, path: group.path, visibility: group.visibility };
  if (what === undefined) return json({ ...shown, web_url: `${url.origin}/groups/${group.path}` });
  if (what === 'hooks') return hooksRoute(world, group.hooks, request);
  if (what === 'members' && all === 'all' && user !== undefined)
    return memberOf(world, user, groupLevelOf(world, group, Number(user)));
  if (what !== 'projects') return notFound('');
  const nested = url.searchParams.get('include_subgroups') === 'true';
  const inside = ({ path }: SimulatedProject) =>
    nested ? path.startsWith(`${group.path}/`) : namespaceOf(path) === group.path;
  const there = world.projects.filter((one) => !one.destroyed && inside(one) && maySee(world, one, token));
  return listProjects(there, request);
};

const memberOf = ({ users }: World, wanted: string, level: number): Answer => {
  const user = users.find(({ id }) => String(id) === wanted);
  if (!user || level === 0) return notFound('');
  return json({ id: user.id, username: user.username, state: 'active', access_level: level });
};

const projectRoute = async (world: World, request: Request): Promise<Answer> => {
  const { parts, url, token, raw } = request;
  const [, name = '', what, ...rest] = parts;
  const found = findProject(world, name);
  if (!found || !maySee(world, found.project, token)) return notFound('Project');
  const { project, moved } = found;
  if (moved) {
    const location = url.href.replace(encodeURIComponent(name), String(project.id));
    return { status: 301, headers: { location }, body: '' };
  }
  if (what === undefined) return json(await showProject(project, url.origin));
  if (what === 'repository') {
    if (!mayReadCode(world, project, token))
      return project.repositoryAccess === 'disabled'
        ? notFound('Repository')
        : json({ message: '403 Forbidden' }, {}, 403);
    return repositoryRoute({ world, project, url }, raw);
  }
  if (what === 'wikis') return wikiRoute(world, project, request);
  if (what === 'hooks') return hooksRoute(world, project.hooks, request);
  if (what === 'members' && rest[0] === 'all' && rest[1] !== undefined)
    return memberOf(world, rest[1], levelOf(world, project, Number(rest[1])));
  return notFound('');
};

const usersRoute = (world: World, { url, token }: Request): Answer => {
  const wanted = url.searchParams.get('username');
  const show = ({ id, username, state, admin, external }: World['users'][number]) => ({
    ...{ id, username, state },
    // Only an administrator is told of these.
    ...(token?.user === undefined || token.user.admin ? { is_admin: admin, external } : {}),
  });
  return offsetPage(
    world.users.filter(({ username }) => wanted === null || username.toLowerCase() === wanted.toLowerCase()),
    url,
    show,
  );
};

export const route = async (world: World, request: Request): Promise<Answer> => {
  const { parts, token } = request;
  const [what, name] = parts;
  if (what === 'version') return json({ version: '18.6.0', revision: 'simulated' });
  if (what === 'personal_access_tokens' && name === 'self')
    return token ? json({ id: 1, active: true, scopes: token.scopes, expires_at: token.expiresAt }) : notFound('');
  if (what === 'user') {
    const { id = 1, username = 'root', admin = true } = token?.user ?? {};
    return token
      ? json({ id, username, state: 'active', is_admin: admin })
      : json({ message: '401 Unauthorized' }, {}, 401);
  }
  if (what === 'users') return usersRoute(world, request);
  if (what === 'hooks') return hooksRoute(world, world.systemHooks, request);
  if (what === 'groups') return groupRoute(world, request);
  if (what === 'projects' && name === undefined)
    return listProjects(
      world.projects.filter((one) => !one.destroyed && maySee(world, one, token)),
      request,
    );
  if (what === 'projects') return projectRoute(world, request);
  return notFound('');
};
