/**
 * A GitLab for tests and for the demo: a small REST server over real bare repositories. A push is a real `git push`;
 * the repository's own `post-receive` hook says what it moved. What should be indexed is asked of git, never of this.
 */
import { once } from 'node:events';
import { readdir, readFile, rename, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Commit, headsOf, makeRepository, type TestRepository } from '../repository.ts';
import { type Answer, json } from './answers.ts';
import { type Delivery, deliver } from './deliveries.ts';
import { type Fault, type FaultRule, type RateLimit, rateLimiter } from './faults.ts';
import {
  projectPayload,
  pushPayload,
  type RefUpdate,
  repositoryUpdatePayload,
  systemPushPayload,
  wikiPayload,
} from './payloads.ts';
import { route } from './project-routes.ts';
import {
  addProject,
  ancestors,
  ensureGroups,
  makeWorld,
  type ProjectOptions,
  PUSHES,
  type SimulatedHook,
  type SimulatedProject,
  type SimulatedToken,
  type SimulatedUser,
} from './world.ts';

/** A push of more branches, or of more tags, sends no push event at all. */
const PUSH_EVENT_LIMIT = 3;
export const TOKEN = 'glpat-simulated';

export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly status: number;
}

export interface Pushing extends Commit {
  /** Into the wiki's repository. */
  readonly wiki?: boolean;
}

const bodyOf = async (request: IncomingMessage): Promise<Record<string, unknown>> => {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return parts.length === 0 ? {} : (JSON.parse(Buffer.concat(parts).toString('utf8')) as Record<string, unknown>);
};

const send = async (response: ServerResponse, answer: Answer, fault: Fault | undefined): Promise<void> => {
  const { status, headers: all = {}, body } = answer;
  const { link, ...others } = all;
  const headers = link === undefined || (fault && 'withoutLink' in fault) ? others : all;
  const whole = body instanceof Readable ? Buffer.concat(await body.toArray()) : Buffer.from(body);
  if (fault && 'stallAt' in fault) {
    response.writeHead(status, { ...headers, 'content-length': whole.length }).write(whole.subarray(0, fault.stallAt));
    return;
  }
  const sent = fault && 'truncateAt' in fault ? whole.subarray(0, fault.truncateAt) : whole;
  response.writeHead(status, { ...headers, 'content-length': sent.length }).end(sent);
};

export const simulatedGitlab = async () => {
  const world = makeWorld();
  const issue = (token: string, user?: SimulatedUser, of: Partial<SimulatedToken> = {}) => {
    const scopes = ['read_api', 'read_repository'];
    world.tokens.set(token, { active: true, scopes, expiresAt: null, user, ...of });
  };
  issue(TOKEN);
  const scratch = new Map<TestRepository, TestRepository>();
  const seen: Seen[] = [];
  const sent: { readonly delivery: Delivery; readonly status: number }[] = [];
  const faults: FaultRule[] = [];
  /** Decides what becomes of deliveries; by default each is made at once, in order. */
  let carry: (delivery: Delivery) => Promise<void> = (delivery) => deliverNow(delivery);
  let limit: ReturnType<typeof rateLimiter> | undefined;

  const judge = (method: string, path: string): Fault | undefined => {
    for (const rule of faults) {
      const fault = rule({ method, path, count: seen.length });
      if (fault) return fault;
    }
    return undefined;
  };

  const respond = async (request: IncomingMessage, url: URL, fault: Fault | undefined): Promise<Answer> => {
    const verdict = limit?.();
    if (verdict?.refused)
      return { status: 429, headers: { 'content-type': 'text/plain', ...verdict.headers }, body: 'Retry later\n' };
    if (fault && 'status' in fault)
      return {
        status: fault.status,
        headers: { 'content-type': 'application/json', ...fault.headers },
        body: fault.body ?? '',
      };
    const given = request.headers['private-token'];
    const token = typeof given === 'string' ? world.tokens.get(given) : undefined;
    if (given !== undefined && !token?.active) return json({ message: '401 Unauthorized' }, {}, 401);
    if (!url.pathname.startsWith('/api/v4/')) return json({ error: '404 Not Found' }, {}, 404);
    const [, raw = ''] = /\/repository\/(.*)$/.exec(url.pathname) ?? [];
    const parts = url.pathname
      .slice('/api/v4/'.length)
      .split('/')
      .filter((part) => part !== '')
      .map(decodeURIComponent);
    const answer = await route(world, {
      method: request.method ?? 'GET',
      url,
      parts,
      raw,
      body: await bodyOf(request),
      token,
    });
    return { ...answer, headers: { ...answer.headers, ...verdict?.headers } };
  };

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', origin);
    const path = url.pathname.slice('/api/v4'.length) + url.search;
    const method = request.method ?? 'GET';
    const fault = judge(method, path);
    if (fault && 'slowMs' in fault) await sleep(fault.slowMs);
    if (fault && 'reset' in fault) {
      seen.push({ method, path, status: 0 });
      request.socket.resetAndDestroy();
      return;
    }
    const answer = await respond(request, url, fault);
    seen.push({ method, path, status: answer.status });
    await send(response, answer, fault);
  };

  const server = createServer((request, response) => {
    handle(request, response).catch((error: unknown) => {
      response.writeHead(500, { 'content-type': 'application/json' }).end(JSON.stringify({ error: String(error) }));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const origin = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;

  const deliverNow = async (delivery: Delivery) => {
    sent.push({ delivery, status: await deliver(delivery, origin) });
  };

  const tell = async (hooks: readonly SimulatedHook[], event: string, wants: string, payload: unknown) => {
    for (const hook of hooks) {
      if (hook.events[wants] !== true) continue;
      await carry({ hook, event, id: crypto.randomUUID(), body: JSON.stringify(payload) });
    }
  };

  const tellPush = async (project: SimulatedProject, updates: readonly RefUpdate[]) => {
    const hooks = [...project.hooks, ...ancestors(world, project.path).flatMap((group) => group.hooks)];
    for (const [prefix, event, wants] of [
      ['refs/heads/', 'Push Hook', 'push_events'],
      ['refs/tags/', 'Tag Push Hook', 'tag_push_events'],
    ] as const) {
      const mine = updates.filter(({ ref }) => ref.startsWith(prefix));
      if (mine.length > PUSH_EVENT_LIMIT) continue;
      for (const update of mine) {
        await tell(hooks, event, wants, await pushPayload(project, update, origin));
        await tell(world.systemHooks, 'System Hook', wants, await systemPushPayload(project, update, origin));
      }
    }
    const payload = await repositoryUpdatePayload(project, updates, origin);
    await tell(world.systemHooks, 'System Hook', 'repository_update_events', payload);
  };

  /** Takes up what `post-receive` has noted, also of pushes that somebody made by hand. */
  const takePushes = async (): Promise<void> => {
    for (const project of world.projects) {
      for (const repository of [project.repository, project.wiki]) {
        if (!repository) continue;
        const folder = join(repository.directory, PUSHES);
        const names = (await readdir(folder)).filter((name) => !name.startsWith('.'));
        for (const name of names.sort()) {
          const taken = join(folder, `.taken-${name}`);
          await rename(join(folder, name), taken);
          const lines = (await readFile(taken, 'utf8')).split('\n').filter((line) => line !== '');
          await rm(taken);
          const updates = lines.map((line): RefUpdate => {
            const [before = '', after = '', ref = ''] = line.split(' ');
            return { before, after, ref };
          });
          if (repository === project.repository) await tellPush(project, updates);
          else for (const update of updates) await tellWiki(project, update);
        }
      }
    }
  };

  const tellWiki = async (project: SimulatedProject, update: RefUpdate) =>
    tell(
      [...project.hooks, ...ancestors(world, project.path).flatMap((group) => group.hooks)],
      'Wiki Page Hook',
      'wiki_page_events',
      await wikiPayload(project, update, origin),
    );

  const tellProject = (event: Parameters<typeof projectPayload>[0], project: SimulatedProject, former?: string) =>
    tell(world.systemHooks, 'System Hook', 'push_events', projectPayload(event, project, former));

  const workOf = async (bare: TestRepository): Promise<TestRepository> => {
    const known = scratch.get(bare);
    if (known) return known;
    const made = await makeRepository(['--bare']);
    await made.git('remote', 'add', 'origin', bare.directory);
    scratch.set(bare, made);
    return made;
  };

  return {
    origin,
    world,
    /** Every request that was answered, in order. */
    seen,
    /** Every delivery that was made. */
    sent,
    faults,
    carryBy(how: ((delivery: Delivery) => Promise<void>) | undefined) {
      carry = how ?? deliverNow;
    },
    deliverNow,
    limitTo(of: RateLimit | undefined) {
      limit = of && rateLimiter(of);
    },
    project: (path: string, options: ProjectOptions = {}) => addProject(world, path, options),
    user(username: string, of: Partial<SimulatedUser> = {}): SimulatedUser {
      const user: SimulatedUser = {
        ...{ id: world.nextId(), username, state: 'active', admin: false, external: false },
        ...of,
      };
      world.users.push(user);
      return user;
    },
    hook(hooks: SimulatedHook[], of: Partial<SimulatedHook> & Pick<SimulatedHook, 'url'>): SimulatedHook {
      const events = {
        push_events: true,
        tag_push_events: true,
        wiki_page_events: true,
        repository_update_events: true,
      };
      const hook = { id: world.nextId(), token: undefined, signingToken: undefined, events, failures: 0, ...of };
      const whole = { disabledUntil: undefined, ...hook };
      hooks.push(whole);
      return whole;
    },
    takePushes,
    /** Commits, and pushes what came of it; resolves when its hooks were told. */
    async push(
      { repository, wiki }: SimulatedProject,
      { wiki: intoWiki = false, ...commit }: Pushing,
    ): Promise<string> {
      const bare = intoWiki && wiki ? wiki : repository;
      const work = await workOf(bare);
      const branch = commit.branch ?? 'main';
      const remote = (await headsOf(bare)).get(branch);
      await work.run(['fetch', '-q', 'origin', '+refs/heads/*:refs/heads/*']);
      if (remote !== undefined) await work.git('update-ref', `refs/heads/${branch}`, remote);
      const id = await work.commit(commit);
      await work.run(['push', '-q', '--force', 'origin', `refs/heads/${branch}:refs/heads/${branch}`]);
      await takePushes();
      return id;
    },
    /** Any push, by its refspecs: deletions, many branches at once, tags. */
    async pushRefs({ repository }: SimulatedProject, ...refspecs: string[]): Promise<void> {
      const work = await workOf(repository);
      await work.run(['fetch', '-q', 'origin', '+refs/heads/*:refs/remotes/origin/*']);
      await work.run(['push', '-q', '--force', 'origin', ...refspecs]);
      await takePushes();
    },
    workOf,
    /** The replica that answers stops hearing of pushes, until it is let catch up. */
    async lag(project: SimulatedProject) {
      project.replica = await headsOf(project.repository);
    },
    catchUp(project: SimulatedProject) {
      project.replica = undefined;
    },
    async move(project: SimulatedProject, path: string) {
      const former = project.path;
      project.formerPaths.push(former);
      project.path = path;
      ensureGroups(world, path);
      const [from, to] = [former, path].map((one) => one.slice(0, one.lastIndexOf('/')));
      await tellProject(from === to ? 'project_rename' : 'project_transfer', project, former);
    },
    async show(
      project: SimulatedProject,
      of: Partial<Pick<SimulatedProject, 'visibility' | 'repositoryAccess' | 'wikiAccess' | 'archived'>>,
    ) {
      Object.assign(project, of);
      await tellProject('project_update', project);
    },
    scheduleDeletion(project: SimulatedProject) {
      project.formerPaths.push(project.path);
      project.path = `${project.path}-deletion_scheduled-${project.id}`;
      project.markedForDeletionOn = '2026-11-21';
    },
    restore(project: SimulatedProject) {
      project.path = project.formerPaths.pop() ?? project.path;
      project.markedForDeletionOn = null;
    },
    async destroy(project: SimulatedProject) {
      project.destroyed = true;
      await tellProject('project_destroy', project);
    },
    revoke(token = TOKEN) {
      const known = world.tokens.get(token);
      if (known) known.active = false;
    },
    issue,
    async close() {
      server.close();
      server.closeAllConnections();
      world.files.close();
      const repositories = world.projects.flatMap(({ repository, wiki }) => (wiki ? [repository, wiki] : [repository]));
      await Promise.all([...repositories, ...scratch.values()].map((repository) => repository.remove()));
    },
  };
};
export type SimulatedGitlab = Awaited<ReturnType<typeof simulatedGitlab>>;
