/** Branches, trees, blobs and archives, each straight from git. */
import { headsOf, standardOf, type TestRepository } from '../repository.ts';
import { type Answer, json, keysetPage, notFound, offsetPage } from './answers.ts';
import type { CatFiles } from './cat-file.ts';
import type { SimulatedProject, World } from './world.ts';

const commitOf = async (repository: TestRepository, name: string): Promise<string | undefined> => {
  const { found } = await quietly(() => repository.git('rev-parse', '--verify', '-q', `${name}^{commit}`));
  return found;
};

/** Git says no by its exit code; what is not there is no failure of the simulation. */
const quietly = async <T>(ask: () => Promise<T>): Promise<{ found: T | undefined }> => {
  try {
    return { found: await ask() };
  } catch {
    return { found: undefined };
  }
};

/** The branch that HEAD names; a repository without branches has none. */
export const defaultBranch = async (repository: TestRepository): Promise<string | null> => {
  if ((await headsOf(repository)).size === 0) return null;
  return standardOf(repository);
};

interface Entry {
  readonly id: string;
  readonly name: string;
  readonly type: string;
  readonly path: string;
  readonly mode: string;
}

const entriesOf = async (repository: TestRepository, commit: string, url: URL): Promise<Entry[]> => {
  const recursive = url.searchParams.get('recursive') === 'true' ? ['-r', '-t'] : [];
  const path = url.searchParams.get('path');
  const below = path ? `${commit}:${path}` : commit;
  const raw = await repository.run(['ls-tree', '-z', ...recursive, '--full-tree', below]);
  return raw
    .toString('utf8')
    .split('\0')
    .filter((line) => line !== '')
    .map((line) => {
      const tab = line.indexOf('\t');
      const [mode = '', type = '', id = ''] = line.slice(0, tab).split(' ');
      const full = path ? `${path}/${line.slice(tab + 1)}` : line.slice(tab + 1);
      return { id, name: full.slice(full.lastIndexOf('/') + 1), type, path: full, mode };
    });
};

const tree = async ({ repository }: SimulatedProject, url: URL): Promise<Answer> => {
  const ref = url.searchParams.get('ref') ?? (await defaultBranch(repository)) ?? '';
  const commit = await commitOf(repository, ref);
  if (commit === undefined) return notFound('Tree');
  const { found: entries } = await quietly(() => entriesOf(repository, commit, url));
  if (!entries) return notFound('invalid revision or path');
  const pagination = url.searchParams.get('pagination');
  if (pagination === 'none' && url.searchParams.get('recursive') === 'true') return json(entries);
  if (pagination !== 'keyset') return offsetPage(entries, url, (entry) => entry);
  const keyOf = ({ path }: Entry) => Buffer.from(path).toString('base64url');
  return keysetPage(entries, url, { parameter: 'page_token', keyOf, show: (entry) => entry });
};

const branches = async (project: SimulatedProject, name: string | undefined, url: URL): Promise<Answer> => {
  const all = project.replica ?? (await headsOf(project.repository));
  const standard = await defaultBranch(project.repository);
  const show = ([branch, id]: readonly [string, string]) => ({
    name: branch,
    merged: false,
    protected: branch === standard,
    default: branch === standard,
    web_url: `${url.origin}/${project.path}/-/tree/${encodeURIComponent(branch)}`,
    commit: { id, short_id: id.slice(0, 8), title: 'x', created_at: '2026-11-21T00:00:00.000+00:00' },
  });
  if (name !== undefined) {
    const id = all.get(name);
    return id === undefined ? notFound('Branch') : json(show([name, id]));
  }
  const search = url.searchParams.get('search') ?? '';
  const matches = (branch: string) =>
    search.startsWith('^') ? branch.startsWith(search.slice(1)) : branch.includes(search);
  const found = [...all].filter(([branch]) => matches(branch));
  const keyOf = ([branch]: readonly [string, string]) => branch;
  if (url.searchParams.get('pagination') === 'keyset')
    return keysetPage(found, url, { parameter: 'page_token', keyOf, show });
  return offsetPage(found, url, show);
};

const blob = async ({ repository }: SimulatedProject, id: string, files: CatFiles): Promise<Answer> => {
  const found = /^[0-9a-f]{40}$/.test(id) ? await files.blob(repository, id) : undefined;
  if (!found) return notFound('Blob');
  return { status: 200, headers: { 'content-type': 'text/plain' }, body: found };
};

const archive = async ({ repository, path }: SimulatedProject, url: URL): Promise<Answer> => {
  const commit = await commitOf(repository, url.searchParams.get('sha') ?? 'HEAD');
  if (commit === undefined) return notFound('File');
  const slug = path.slice(path.lastIndexOf('/') + 1);
  const body = await repository.run(['archive', '--format=tar.gz', `--prefix=${slug}-${commit}-${commit}/`, commit]);
  return { status: 200, headers: { 'content-type': 'application/octet-stream' }, body };
};

/** What a replica that lags has not heard of. */
const isUnheard = async ({ repository, replica }: SimulatedProject, id: string): Promise<boolean> => {
  if (!replica) return false;
  if (replica.size === 0) return true;
  const reached = await repository.git('rev-list', ...replica.values());
  return !reached.split('\n').includes(id);
};

const commit = async (project: SimulatedProject, name: string): Promise<Answer> => {
  const id = await commitOf(project.repository, name);
  return id === undefined || (await isUnheard(project, id))
    ? notFound('Commit')
    : json({ id, short_id: id.slice(0, 8), title: 'x' });
};

/** What follows `/projects/:id/repository/`. */
export const repositoryRoute = async (
  { world: { files }, project, url }: { readonly world: World; readonly project: SimulatedProject; readonly url: URL },
  rest: string,
): Promise<Answer> => {
  const [what = '', name, last] = rest.split('/').map(decodeURIComponent);
  if (what === 'tree') return tree(project, url);
  if (what === 'branches') return branches(project, name, url);
  if (what === 'blobs' && name !== undefined && last === 'raw') return blob(project, name, files);
  if (what.startsWith('archive')) return archive(project, url);
  if (what === 'commits' && name !== undefined) return commit(project, name);
  return notFound('');
};
