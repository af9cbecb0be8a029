import type { Parts } from '../parts.ts';
import type { Settled } from '../ports.ts';
import { type Change, type DocumentRecord, encode, type Failure, parseDocument } from '../records.ts';
import type { Fetched } from './fetch.ts';
import { done, stage } from './stage.ts';

const recordOf = ({ document, seq, blob, rules, commit, runs }: Change) => {
  const run = runs.at(-1);
  return { v: 1 as const, document, seq, blob, rules, commit, ...(run === undefined ? {} : { run }) };
};

/** Bytes to text, off the main thread. A skip is a record too. */
export const convert = ({ converter }: Parts) =>
  stage('convert', async (fetched: Fetched): Promise<DocumentRecord> => {
    const base = recordOf(fetched.change);
    if ('gone' in fetched) return { ...base, is: 'gone' };
    if ('skip' in fetched) return { ...base, is: 'skipped', reason: fetched.skip };
    const result = await converter.convert(parseDocument(base.document).path, fetched.bytes);
    if ('skip' in result) return { ...base, is: 'skipped', reason: result.skip };
    return { ...base, is: 'text', text: result.text };
  });

export const publish = (parts: Parts) =>
  stage('publish', async (record: DocumentRecord): Promise<Settled> => {
    await append(parts, record);
    return done;
  });

/** A failure is a record as well, so that the ledger says why the document is not what its want asks for. */
export const publishFailure = (parts: Parts) => (change: Change, failure: Failure) =>
  append(parts, { ...recordOf(change), is: 'failed', failure });

const append = ({ log, names }: Parts, record: DocumentRecord) =>
  log.append(names.topics.documents, [{ key: record.document, value: encode(record) }]);
