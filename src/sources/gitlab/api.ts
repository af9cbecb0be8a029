/** The part of @gitbeaker that is used, on our own requester; and what we rely on in its answers. */
import { Branches, GroupMembers, Groups, ProjectMembers, Projects, Users } from '@gitbeaker/rest';
import { z } from 'zod';
import { TryAgain } from '../../errors.ts';
import type { Asking, Reply, Requests } from './requests.ts';

type Options = ConstructorParameters<typeof Projects>[0];
type RequesterFn = NonNullable<Options['requesterFn']>;
type Requester = ReturnType<RequesterFn>;
const API = '/api/v4/';

interface Given {
  readonly searchParams?: Record<string, unknown>;
  readonly body?: unknown;
}

/** A proxy, or a page that asks to log in, may answer 200 with anything. */
export const jsonIn = (path: string, { bytes }: Reply): unknown => {
  if (bytes.length === 0) return null;
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new TryAgain(`GitLab answered ${path} with what is no JSON`, { cause });
  }
};

export const checked = <T>(schema: z.ZodType<T>, what: string, value: unknown): T => {
  const parsed = schema.safeParse(value);
  if (!parsed.success)
    throw new TryAgain(`GitLab answered ${what} with something else: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
};

/** Some resources stand below a path of their own, which is in the URL that they are made with. */
const requesterOf = ({ ask }: Requests, { url }: Parameters<RequesterFn>[0]): Requester => {
  const prefix = url.slice(url.indexOf(API) + API.length);
  const calling =
    (method: NonNullable<Asking['method']>) =>
    async (endpoint: string, { searchParams, body }: Given = {}) => {
      const path = prefix === '' ? endpoint : `${prefix}/${endpoint}`;
      const isObject = typeof body === 'object' && body !== null && Object.keys(body).length > 0;
      const reply = await ask(path, {
        method,
        ...(searchParams ? { query: searchParams } : {}),
        ...(isObject ? { body: body as Record<string, unknown> } : {}),
      });
      return { body: jsonIn(path, reply), headers: Object.fromEntries(reply.headers), status: 200 };
    };
  // Its own type lets every caller say what comes back; what does is checked where it is used.
  return {
    get: calling('GET'),
    post: calling('POST'),
    put: calling('PUT'),
    patch: calling('PUT'),
    delete: calling('DELETE'),
  } as Requester;
};

export const gitlabApi = (requests: Requests, url: string) => {
  const options = {
    host: url.replace(/\/+$/, ''),
    queryTimeout: null,
    requesterFn: (resource: Parameters<RequesterFn>[0]) => requesterOf(requests, resource),
  };
  return {
    projects: new Projects(options),
    groups: new Groups(options),
    branches: new Branches(options),
    users: new Users(options),
    groupMembers: new GroupMembers(options),
    projectMembers: new ProjectMembers(options),
  };
};
export type GitlabApi = ReturnType<typeof gitlabApi>;

export const projectSchema = z.object({
  id: z.number(),
  path_with_namespace: z.string(),
  default_branch: z.string().nullish(),
  /** Absent where whoever asks is nobody. */
  visibility: z.enum(['public', 'internal', 'private']).default('public'),
  repository_access_level: z.enum(['disabled', 'private', 'enabled', 'public']).optional(),
  wiki_access_level: z.string().optional(),
  web_url: z.string(),
  archived: z.boolean().default(false),
  marked_for_deletion_on: z.string().nullish(),
});
export type ProjectAnswer = z.infer<typeof projectSchema>;

export const branchSchema = z.object({ name: z.string(), commit: z.object({ id: z.string() }) });

export const treeSchema = z.array(z.object({ id: z.string(), type: z.string(), path: z.string(), mode: z.string() }));
