import type { Parts } from '../parts.ts';
import type { Settled } from '../ports.ts';
import { type Change, type DocumentRecord, isClosed, parseDocument, projectKey } from '../records.ts';
import { assertRules } from './plan.ts';
import { stage, superseded } from './stage.ts';

/**
 * Only what a want asks for goes on. No want, or one of another plan: superseded. The plan that wrote the newer want
 * appends its own change.
 */
export const wanted = <R extends Change | DocumentRecord>({ state }: Parts) =>
  stage('wanted', async (record: R): Promise<R | Settled> => {
    const want = (await state.read('wants', [record.document])).get(record.document);
    return want?.seq === record.seq ? record : superseded(want ? 'a newer want' : 'no want');
  });

/** A change by other rules is not ours to convert: newer ones mean that this process is old, older ones are planned again. */
export const byOurRules = (parts: Parts) =>
  stage('rules', async (change: Change): Promise<Change | Settled> => {
    if (change.rules === parts.rules) return change;
    await assertRules(parts);
    return superseded('a change by older rules');
  });

export const inOpenProject = ({ state }: Parts) =>
  stage('project', async (change: Change): Promise<Change | Settled> => {
    const project = projectKey(parseDocument(change.document));
    const row = (await state.read('projects', [project])).get(project);
    return isClosed(row?.value) ? superseded('project is closed') : change;
  });
