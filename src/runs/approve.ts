import { BadUsage } from '../errors.ts';
import { fileCarrier } from '../operators/plan.ts';
import type { Parts } from '../parts.ts';
import { parseRef, projectKey, readableKey } from '../records.ts';
import { rows } from '../state/pages.ts';
import { projectNames } from '../state/projects.ts';
import { replace } from '../state/update.ts';

export interface Approved {
  readonly ref: string;
  readonly lacking: number;
  readonly of: number;
}

/** Lets the sweep that waits for it delete. Holds for what was counted, and not for a later sweep. */
export const approve = async (parts: Parts, name: string): Promise<Approved> => {
  const { state, time } = parts;
  const waiting: string[] = [];
  for await (const row of rows(state, 'sweeps', 'sweeps')) {
    const { open, approval, runs } = row.value;
    if (!open || approval?.given !== false) continue;
    const id = parseRef(row.key);
    const project = (await state.read('projects', [projectKey(id)])).get(projectKey(id))?.value;
    const names = projectNames(id, project?.path ?? '').map((one) => `${one}:${id.ref}`);
    waiting.push(names[1] ?? readableKey(row.key));
    if (!names.includes(name)) continue;
    const value = { ...row.value, approval: { ...approval, given: true }, movedAt: time.now() };
    // Somebody else has written it since it was read, and it may not wait any more.
    if (!(await replace(parts, 'sweeps', row.key, { read: row, value, seq: row.seq }))) return approve(parts, name);
    await fileCarrier(parts, id, runs);
    return { ref: name, lacking: approval.lacking, of: approval.of };
  }
  throw new BadUsage(
    `${name} does not wait for an approval (project:branch): there ${waiting.length > 0 ? `waits ${waiting.join(', ')}` : 'waits none'}`,
  );
};
