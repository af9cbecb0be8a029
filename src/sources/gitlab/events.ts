/** What a payload of GitLab's says, as far as it is believed: look at this project, or at these branches of it. */
import { z } from 'zod';
import type { News, ProjectNews } from '../../ports.ts';

/** Longer than GitLab allows, groups and all; what is longer is no name of it. */
const MAX_NAME_CHARS = 4_096;
/** A push of more branches than that is found by the resync. */
const MAX_REFS = 100;
/** And of those that one names, tags among them, no more are looked at. */
const MAX_CHANGES = 10_000;
/** Of what is wrong with a payload. A body of any size is told in a line or two. */
const SHOWN_FAULTS = 3;

/** GitLab counts from one, and a number that JSON cannot hold exactly is nobody's id. */
const id = z.int().min(1).max(Number.MAX_SAFE_INTEGER);
/** Of segments that GitLab allows, so that no key and no line of a log is another one's. */
const path = z
  .string()
  .max(MAX_NAME_CHARS)
  .regex(/^[\p{L}\p{N}_.][\p{L}\p{N}_.+-]*(?:\/[\p{L}\p{N}_.][\p{L}\p{N}_.+-]*)*$/u);
const name = z
  .string()
  .max(MAX_NAME_CHARS)
  .regex(/^[^\p{Cc}]*$/u);

/** Of all the rest nothing is read. */
const payloadSchema = z.object({
  object_kind: name.optional(),
  event_name: name.optional(),
  project_id: id.optional(),
  path_with_namespace: path.optional(),
  old_path_with_namespace: path.optional(),
  full_path: path.optional(),
  old_full_path: path.optional(),
  ref: name.optional(),
  before: z.string().optional(),
  after: z.string().optional(),
  // Cut before it is checked: each element that is wrong would be a fault of its own.
  changes: z
    .preprocess(
      (all) => (Array.isArray(all) ? all.slice(0, MAX_CHANGES) : all),
      z.array(z.object({ before: z.string(), after: z.string(), ref: name })),
    )
    .optional(),
  project: z
    .object({
      id: id.optional(),
      path_with_namespace: path.optional(),
      default_branch: name.nullish(),
      web_url: name.optional(),
    })
    .optional(),
});
type Payload = z.infer<typeof payloadSchema>;

const HEADS = 'refs/heads/';
const PROJECTS = new Set([
  'project_create',
  'project_destroy',
  'project_rename',
  'project_transfer',
  'project_update',
  'project_archive',
  'project_unarchive',
]);
const GROUPS = new Set(['group_create', 'group_rename', 'group_destroy', 'subgroup_create', 'subgroup_destroy']);

const commit = (id: string): string | null => (/^0+$/.test(id) ? null : id);
const isCommit = (id: string): boolean => /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(id);

const projectIn = ({ project_id, project, path_with_namespace }: Payload): ProjectNews | undefined => {
  const number = project_id ?? project?.id;
  if (number === undefined) return undefined;
  return {
    project: String(number),
    path: project?.path_with_namespace ?? path_with_namespace,
    defaultBranch: project?.default_branch ?? undefined,
    webUrl: project?.web_url,
  };
};

/** Tags are not indexed. */
const movedIn = ({ ref, before, after, changes }: Payload): Extract<News, { readonly is: 'push' }>['moved'] => {
  const all =
    changes ?? (ref !== undefined && before !== undefined && after !== undefined ? [{ ref, before, after }] : []);
  return all
    .filter((one) => one.ref.startsWith(HEADS) && isCommit(one.before) && isCommit(one.after))
    .slice(0, MAX_REFS)
    .map((one) => ({ ref: one.ref.slice(HEADS.length), before: commit(one.before), after: commit(one.after) }));
};

const strange = (why: string) => `not the shape of GitLab: ${why}`;
const faultsIn = ({ issues }: z.ZodError): string => z.prettifyError(new z.ZodError(issues.slice(0, SHOWN_FAULTS)));

export const newsOf = (body: unknown): News => {
  const parsed = payloadSchema.safeParse(body);
  if (!parsed.success) return { is: 'strange', why: strange(faultsIn(parsed.error)) };
  const payload = parsed.data;
  const kind = payload.event_name ?? payload.object_kind ?? '';
  if (GROUPS.has(kind)) {
    const paths = [payload.old_full_path, payload.full_path].filter((path) => path !== undefined);
    return { is: 'group', paths };
  }
  const isPush = kind === 'push' || kind === 'tag_push' || kind === 'repository_update';
  const isWiki = payload.object_kind === 'wiki_page';
  if (!isPush && !isWiki && !PROJECTS.has(kind)) return { is: 'other', kind };
  const project = projectIn(payload);
  // A hook of a project names it in `project` alone.
  if (!project) return { is: 'strange', why: strange(`${kind} without the id of its project`) };
  if (isWiki) return { ...project, is: 'wiki' };
  if (isPush) return { ...project, is: 'push', moved: movedIn(payload) };
  return { ...project, is: 'project', destroyed: kind === 'project_destroy' };
};
