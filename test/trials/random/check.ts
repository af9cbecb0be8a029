/** The index held against the repository, read with git's own commands. */

import { convert } from '../../../src/converters/convert.ts';
import type { Parts } from '../../../src/parts.ts';
import { pathFromBytes } from '../../../src/paths/bytes.ts';
import type { LedgerEntry } from '../../../src/records.ts';
import { documentKey, projectKey, WIKI } from '../../../src/records.ts';
import { activeGeneration } from '../../../src/state/generations.ts';
import { ledgerPages } from '../../../src/state/pages.ts';
import { MIB } from '../../../src/units.ts';
import { blobsOf, type Listed, listed, type TestRepository } from '../../support/repository.ts';

const TEXT_BYTES = 4 * MIB;

interface Expected {
  readonly blob: string;
  readonly skip: string | undefined;
  readonly content: string;
}

export interface Held {
  readonly fileBytes: number;
  readonly instance: string;
  readonly project: string;
  /** The branches that are indexed; without it the one that HEAD names. */
  readonly tracked?: (ref: string) => boolean;
  /** Indexed as well, as the ref `.wiki`. */
  readonly wiki?: TestRepository | undefined;
  /** How the source reads the bytes of a path; of two that it reads alike the first is there. */
  readonly pathOf?: (bytes: Buffer) => string;
}

export const differences = async (repository: TestRepository, parts: Parts, of: Held): Promise<readonly string[]> => {
  const active = await activeGeneration(parts);
  if (active === undefined) return ['there is no generation'];
  const generation = parts.store.generation(active);
  const wrong: string[] = [];
  const expected = await expectedOf(repository, parts, of);
  const isOurs = (document: string) => document.startsWith(`${projectKey(of)}\0`);
  const entries = new Map<string, LedgerEntry>();
  for await (const page of ledgerPages(generation))
    for (const entry of page) if (entry.status !== 'gone' && isOurs(entry.document)) entries.set(entry.document, entry);

  for (const [document, { blob, skip }] of expected) {
    const entry = entries.get(document);
    const should = skip === undefined ? `indexed ${blob}` : `skipped ${skip} ${blob}`;
    const is =
      entry && (entry.status === 'indexed' ? `indexed ${entry.blob}` : `${entry.status} ${entry.reason} ${entry.blob}`);
    if (is !== should) wrong.push(`${JSON.stringify(document)} should be ${should}, is ${is}`);
  }
  for (const document of entries.keys())
    if (!expected.has(document)) wrong.push(`${JSON.stringify(document)} is not in the tree`);

  const owned = new Set([...entries.values()].flatMap(({ chunks }) => chunks));
  let cursor: string | undefined;
  do {
    const page = await generation.pointPage(cursor);
    for (const { id, document } of page.rows)
      if (isOurs(document) && !owned.delete(id))
        wrong.push(`point ${id} of ${JSON.stringify(document)} is in no entry`);
    cursor = page.next;
  } while (cursor !== undefined);
  for (const id of owned) wrong.push(`point ${id} is missing`);

  for (const [document, { skip, content }] of expected) {
    if (skip !== undefined) continue;
    const points = await generation.pointsOf(document);
    for (const [at, line] of content.split('\n').entries()) {
      if (line.trim() === '') continue;
      const claiming = points.filter(({ startLine, endLine }) => startLine <= at + 1 && at + 1 <= endLine);
      const together = claiming
        .sort((a, b) => content.indexOf(a.text) - content.indexOf(b.text))
        .map(({ text }) => text);
      if (!together.some((text) => text.split('\n').includes(line)) && !holds(line, together))
        wrong.push(`line ${at + 1} of ${JSON.stringify(document)} is in no chunk that claims it`);
    }
  }
  return wrong;
};

/** A line that is too long for a chunk is shared by several that name it alone. */
const holds = (line: string, parts: readonly string[]): boolean =>
  parts.length > 1 && parts.every((part) => line.includes(part)) && parts.join('').length >= line.length;

const HEADS = 'refs/heads/';

/** By name, with their heads. */
const branchesOf = async (repository: TestRepository): Promise<ReadonlyMap<string, string>> => {
  const text = await repository.git('for-each-ref', '--format=%(refname) %(objectname)', HEADS);
  const lines = text.split('\n').filter((line) => line !== '');
  return new Map(
    lines.map((line): [string, string] => {
      const at = line.lastIndexOf(' ');
      return [line.slice(HEADS.length, at), line.slice(at + 1)];
    }),
  );
};

const expectedOf = async (
  repository: TestRepository,
  { selected }: Parts,
  { fileBytes, instance, project, wiki, tracked, pathOf = pathFromBytes }: Held,
): Promise<ReadonlyMap<string, Expected>> => {
  const expected = new Map<string, Expected>();
  const standard = await repository.git('symbolic-ref', '--short', 'HEAD');
  const branches = [...(await branchesOf(repository))].filter(([ref]) => (tracked ? tracked(ref) : ref === standard));
  const refs = branches.map(([ref, head]) => ({ ref, head, of: repository }));
  if (wiki) for (const head of (await branchesOf(wiki)).values()) refs.push({ ref: WIKI, head, of: wiki });
  for (const { ref, head, of } of refs) {
    const files = await listed(of, head);
    const isRead = ({ type, size }: Listed) => type.startsWith('100') && (size ?? 0) <= fileBytes;
    const blobs = await blobsOf(of, new Set([...files.values()].filter(isRead).map(({ blob }) => blob)));
    for (const [latin1, { type, blob, size }] of files) {
      const path = pathOf(Buffer.from(latin1, 'latin1'));
      const document = documentKey({ instance, project, ref, path });
      if (!selected(path) || expected.has(document)) continue;
      const put = (skip: string | undefined, content = '') => expected.set(document, { blob, skip, content });
      if (type === '120000') put('symlink');
      else if (type === '160000') put('submodule');
      else if ((size ?? 0) > fileBytes) put('too_large');
      else {
        const converted = convert(path, blobs.get(blob) as Buffer, { fileBytes, textBytes: TEXT_BYTES });
        if ('skip' in converted) put(converted.skip);
        else put(undefined, converted.text.content);
      }
    }
  }
  return expected;
};
