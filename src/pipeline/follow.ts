/** What no hook tells of is looked at by its source, and what has moved is an event. */

import { BlockProject, messageOf } from '../errors.ts';
import { blockProject } from '../operators/set-aside.ts';
import type { Parts } from '../parts.ts';
import { parseRef, projectKey, type RefId } from '../records.ts';
import { fileHints } from '../state/hints.ts';
import { rows } from '../state/pages.ts';
import type { Pipeline } from './open.ts';

/** Until the signal aborts. Every ref is told once at first, since nobody knows what happened before. */
export const follow = async ({ parts }: Pick<Pipeline, 'parts'>, signal: AbortSignal): Promise<void> => {
  await Promise.all(
    [...parts.sources].map(([instance, { port }]) =>
      port.watch({
        signal,
        tracked: (project) => trackedRefs(parts, { instance, project }),
        async onChange({ project, ref, before, after }) {
          const id = { instance, project, ref };
          const hint = { id, after, ...(before === null ? {} : { before }) };
          // What it was blocked for may be over by this, and its branches are looked at once it is let in.
          const news = (await isBlocked(parts, id)) ? [{ kind: 'project' as const, id: { ...id, ref: '' } }] : [];
          await fileHints(parts, 'events', 'watch', [...news, hint]);
        },
        async onTrouble(project, error) {
          parts.telemetry.sourceUnreadable({ project, error: messageOf(error) });
          // Said in the status from now on, and not only when the next resync or plan is turned away.
          if (error instanceof BlockProject)
            await blockProject(parts, projectKey({ instance, project }), error.message);
        },
      }),
    ),
  );
};

type ProjectId = Pick<RefId, 'instance' | 'project'>;

const isBlocked = async ({ state }: Parts, id: ProjectId): Promise<boolean> =>
  (await state.read('projects', [projectKey(id)])).get(projectKey(id))?.value.blocked !== undefined;

const trackedRefs = async ({ state }: Parts, { instance, project }: ProjectId): Promise<readonly string[]> => {
  const refs: string[] = [];
  for await (const { key } of rows(state, 'refs', 'refs')) {
    const id = parseRef(key);
    if (id.instance === instance && id.project === project) refs.push(id.ref);
  }
  return refs;
};
