import { asking } from '../calls/source.ts';
import { BlockProject } from '../errors.ts';
import type { Parts } from '../parts.ts';
import type { Settled } from '../ports.ts';
import { type Event, isClosed, type ProjectRow, projectKey, refKey } from '../records.ts';
import { fileHints } from '../state/hints.ts';
import { update } from '../state/update.ts';
import { DAY } from '../units.ts';
import { blockProject } from './set-aside.ts';
import { done, stage, superseded } from './stage.ts';

/** A project that nobody lets us see for so long is not shown to others either. */
const REFUSED_MS = 7 * DAY;

/**
 * Brings the project's row up to date, which no document waits for: path, visibility and groups are joined at query
 * time. Files looks at refs that nobody has looked at yet, and full looks at all of them when the project was blocked.
 */
export const refreshProject = (parts: Parts) =>
  stage('project', async (hints: readonly [Event, ...Event[]]): Promise<Settled> => {
    const [{ instance, project }] = hints;
    const { telemetry, state } = parts;
    const key = projectKey({ instance, project });
    const before = (await state.read('projects', [key])).get(key)?.value;
    if (before?.forgotten) return superseded('project is being forgotten');
    try {
      const ask = asking(parts, { instance, project });
      const { path, url, visibility, groups, archived = false, hidden } = await ask((port) => port.project(project));
      const known = { path, url, visibility, groups, archived, hidden, blocked: undefined };
      const wasClosed = (row: ProjectRow | undefined) => row !== undefined && (isClosed(row) || row.reopened);
      // Nothing of it is here, and whoever told of it may have made it up.
      if (hidden !== undefined && !before) return superseded('project is not one of ours');
      if (hidden !== undefined) {
        await update(parts, 'projects', key, (row) => ({ ...known, refs: row?.refs ?? [], reopened: wasClosed(row) }));
        telemetry.projectHidden({ project: key, reason: hidden });
        return done;
      }
      const refs = [...(await ask((port) => port.refs(project))).keys()];
      const ids = refs.map((ref) => ({ instance, project, ref }));
      const facts = { ...known, refs };
      const { after } = await update(parts, 'projects', key, (row) => ({ ...facts, reopened: wasClosed(row) }));
      if (after.value.reopened) {
        // Only now, since plans settle the looks of a blocked project; and marked, since a crash may come in between.
        const full = ids.map((id) => ({ id, force: true }));
        await fileHints(parts, 'eventsBackfill', 'reopened', full);
        await update(parts, 'projects', key, (row) => ({ ...(row ?? facts), reopened: false }));
        telemetry.projectUnblocked({ project: key });
        return done;
      }
      const planned = await state.read('refs', ids.map(refKey));
      const unseen = ids.filter((id) => !planned.has(refKey(id)));
      await fileHints(
        parts,
        'eventsBackfill',
        'unseen',
        unseen.map((id) => ({ id })),
      );
      return done;
    } catch (error) {
      if (!(error instanceof BlockProject)) throw error;
      if (!before) return superseded('project is not one of ours');
      await blockProject(parts, key, error.message);
      await hideRefused(parts, key, { destroyed: hints.some(({ force }) => force) });
      throw error;
    }
  });

/** Not found alone says little: it may be our own token. That it was deleted somebody has to say, or a week has to pass. */
const hideRefused = async (parts: Parts, key: string, { destroyed }: { readonly destroyed: boolean }) => {
  const row = (await parts.state.read('projects', [key])).get(key)?.value;
  if (!row?.blocked || row.hidden !== undefined) return;
  if (!destroyed && parts.time.now() - row.blocked.at < REFUSED_MS) return;
  const hidden = destroyed ? 'it was deleted' : `it refuses us for a week: ${row.blocked.reason}`;
  await update(parts, 'projects', key, (before) => ({ ...(before ?? row), hidden }));
  parts.telemetry.projectHidden({ project: key, reason: hidden });
};
