import type { Parts } from '../parts.ts';
import type { Row } from '../ports.ts';
import { type Event, type ProjectRow, projectKey, refKey } from '../records.ts';
import { asking } from './asking.ts';
import { fileHints } from './hints.ts';
import { done, type Settled, stage } from './stage.ts';

/**
 * Brings the project's row up to date, which no document waits for: path, visibility and groups are joined at query
 * time. Files looks at refs that nobody has looked at yet, and full looks at all of them when the project was blocked.
 */
export const refreshProject = (parts: Parts) =>
  stage('project', async ([{ instance, project }]: readonly [Event, ...Event[]]): Promise<Settled> => {
    const { state, time, telemetry } = parts;
    const key = projectKey({ instance, project });
    const ask = asking(parts, { instance, project });
    const { path, url, visibility, groups } = await ask((port) => port.project(project));
    const refs = [...(await ask((port) => port.refs(project))).keys()];
    const ids = refs.map((ref) => ({ instance, project, ref }));

    const update = async (change: (row: ProjectRow | undefined) => ProjectRow): Promise<ProjectRow | undefined> => {
      for (;;) {
        const read = (await state.read('projects', [key])).get(key);
        const row: Row<'projects'> = {
          key,
          scope: 'projects',
          seq: (read?.seq ?? 0) + 1,
          token: time.token(),
          value: change(read?.value),
        };
        if (await state.swap('projects', row, read && { seq: read.seq, token: read.token })) return row.value;
      }
    };

    const facts = { path, url, visibility, groups, refs, blocked: undefined };
    const row = await update((before) => ({
      ...facts,
      reopened: before !== undefined && (before.blocked !== undefined || before.reopened),
    }));
    if (row?.reopened) {
      // Only now, since plans settle the looks of a blocked project; and marked, since a crash may come in between.
      const full = ids.map((id) => ({ id, force: true }));
      await fileHints(parts, 'eventsBackfill', 'reopened', full);
      await update((before) => ({ ...(before ?? facts), reopened: false }));
      telemetry.projectUnblocked({ project: key });
      return done;
    }
    const known = await state.read('refs', ids.map(refKey));
    const unseen = ids.filter((id) => !known.has(refKey(id)));
    await fileHints(
      parts,
      'eventsBackfill',
      'unseen',
      unseen.map((id) => ({ id })),
    );
    return done;
  });
