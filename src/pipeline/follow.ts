/** Plain repositories have nobody who tells us of a push: their refs are looked at, and what has moved is an event. */

import { messageOf } from '../errors.ts';
import type { Parts } from '../parts.ts';
import { parseRef, projectKey, type RefId } from '../records.ts';
import { fileHints } from '../state/hints.ts';
import { rows } from '../state/pages.ts';
import { GIT, type Pipeline } from './open.ts';

/** Until the signal aborts. Every ref is told once at first, since nobody knows what happened before. */
export const follow = async ({ parts, repositories }: Pipeline, signal: AbortSignal): Promise<void> => {
  const { telemetry } = parts;
  await Promise.all(
    repositories.map(({ name, pollMs, source }) =>
      source.watch({
        signal,
        pollMs,
        tracked: () => trackedRefs(parts, name),
        async onChange({ ref, before, after }) {
          const id = { instance: GIT, project: name, ref };
          const hint = { id, after, ...(before === null ? {} : { before }) };
          // What it was blocked for may be over by this, and its branches are looked at once it is let in.
          const news = (await isBlocked(parts, id)) ? [{ kind: 'project' as const, id: { ...id, ref: '' } }] : [];
          await fileHints(parts, 'events', 'watch', [...news, hint]);
        },
        onTrouble: (error) => telemetry.sourceUnreadable({ project: name, error: messageOf(error) }),
      }),
    ),
  );
};

const isBlocked = async ({ state }: Parts, id: RefId): Promise<boolean> =>
  (await state.read('projects', [projectKey(id)])).get(projectKey(id))?.value.blocked !== undefined;

const trackedRefs = async ({ state }: Parts, project: string): Promise<readonly string[]> => {
  const refs: string[] = [];
  for await (const { key } of rows(state, 'refs', 'refs')) {
    const id = parseRef(key);
    if (id.instance === GIT && id.project === project) refs.push(id.ref);
  }
  return refs;
};
