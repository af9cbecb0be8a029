/** The invariants of the design, checked from outside once everything rests. */
import { pieces } from '../../../src/operators/chunk.ts';
import { documentKey, type LedgerEntry } from '../../../src/records.ts';
import type { Contents } from '../../support/memory-store.ts';
import type { Cluster } from './cluster.ts';
import { chunkText, convertText, POISON, RULES, TOXIC } from './content.ts';
import { INSTANCE } from './names.ts';
import type { File } from './repository.ts';
import { blobOf } from './repository.ts';
import type { World } from './world.ts';

const readable = (key: string) => key.split('\0').slice(1).join('/');

/** What the ledger should say of a file at the head of its ref. */
const expected = (cluster: Cluster, generation: string, document: string, { type, content }: File) => {
  if (type === '120000') return { status: 'skipped', reason: 'symlink', chunks: [] };
  if (type === '160000') return { status: 'skipped', reason: 'submodule', chunks: [] };
  if (content.includes(POISON)) return { status: 'failed' };
  const converted = convertText(cluster.rules(), content);
  if ('skip' in converted) return { status: 'skipped', reason: converted.skip, chunks: [] };
  if (converted.text.content.toLowerCase().includes(TOXIC)) return { status: 'failed' };
  const chunks = pieces(document, chunkText(generation, converted.text));
  return { status: 'indexed', reason: '', chunks: chunks.map(({ id }) => id) };
};

/** Every selected file that the newest heads have, by document. */
const selectedFiles = ({ repositories, rules }: Cluster): Map<string, File> => {
  const files = new Map<string, File>();
  for (const [project, refs] of repositories.projects) {
    for (const ref of refs.keys()) {
      for (const [path, file] of repositories.treeOf(repositories.newest(project, ref))) {
        if (RULES[rules()].selects(path)) files.set(documentKey({ instance: INSTANCE, project, ref, path }), file);
      }
    }
  }
  return files;
};

export const checkAtRest = (world: World, cluster: Cluster, when: string): void => {
  const { state, store } = cluster;
  const row = state.inspectOne('generations', 'generations')?.value;
  if (!row) {
    world.violate(`${when}: there is no generation`);
    return;
  }
  const files = selectedFiles(cluster);
  const wrong = (what: string) => world.violate(`${when}: ${what}`);

  const wants = new Map(state.inspect('wants').map(({ key, value }) => [key, value]));
  for (const [document, { type, content }] of files) {
    const want = wants.get(document);
    if (want?.blob !== blobOf(content) || want.type !== type)
      wrong(`1: ${readable(document)} wants ${want?.blob}, the tree has ${blobOf(content)}`);
  }
  for (const [document, { blob }] of wants) {
    if (blob !== null && !files.has(document)) wrong(`1: ${readable(document)} is wanted and not in the tree`);
  }
  for (const { key, value } of state.inspect('sweeps'))
    if (value.open) wrong(`1: the sweep of ${readable(key)} is open`);
  for (const { key, value } of state.inspect('refs')) if (value.dirty) wrong(`1: ${readable(key)} is dirty`);

  for (const generation of new Set([row.active, row.previous?.name])) {
    const contents = generation === undefined ? undefined : store.inspect(generation);
    if (generation === undefined) continue;
    if (contents) checkGeneration(cluster, generation, contents, files, wrong);
    else if (generation === row.active) wrong(`8: the active generation ${generation} is not there`);
  }
};

const checkGeneration = (
  cluster: Cluster,
  generation: string,
  { ledger, points }: Contents,
  files: ReadonlyMap<string, File>,
  wrong: (what: string) => void,
): void => {
  for (const [document, file] of files) {
    const entry = ledger.get(document);
    const should = expected(cluster, generation, document, file);
    const want = cluster.state.inspectOne('wants', document);
    if (!entry || entry.seq !== want?.seq) {
      wrong(`1: ${generation} ${readable(document)} is pending: ledger ${entry?.seq}, want ${want?.seq}`);
    } else if (entry.blob !== blobOf(file.content))
      wrong(`1: ${generation} ${readable(document)} has blob ${entry.blob}`);
    else if (
      !sameResult(entry, should) &&
      !(entry.reason.startsWith('missing_blob') && !cluster.repositories.kept(file.content))
    ) {
      wrong(`1: ${generation} ${readable(document)} is ${entry.status} (${entry.reason}), should be ${should.status}`);
    }
  }
  for (const { document, id, seq } of points.values()) {
    const entry = ledger.get(document);
    if (entry?.status === 'indexed' && entry.chunks.includes(id) && seq !== entry.seq) {
      wrong(`2: ${generation} ${readable(document)}: a point says seq ${seq}, the ledger ${entry.seq}`);
    }
  }
  for (const [document, { status }] of ledger) {
    if (status !== 'gone' && !files.has(document))
      wrong(`2: ${generation} ${readable(document)} is ${status} and not in the tree`);
  }
  const byDocument = new Map<string, string[]>();
  for (const { document, id } of points.values()) byDocument.set(document, [...(byDocument.get(document) ?? []), id]);
  for (const document of new Set([...byDocument.keys(), ...ledger.keys()])) {
    const there = (byDocument.get(document) ?? []).sort().join();
    const named = [...(ledger.get(document)?.chunks ?? [])].sort().join();
    if (there === named) continue;
    wrong(`3: ${generation} ${readable(document)}: points ${there || 'none'}, ledger ${named || 'none'}`);
  }
};

/** A failure of the first version has no chunks, one of a later version keeps what was there: only who is asked last knows. */
const sameResult = (entry: LedgerEntry, should: { status: string; reason?: string; chunks?: readonly string[] }) =>
  entry.status === should.status &&
  (should.reason === undefined || entry.reason === should.reason) &&
  (should.chunks === undefined || [...entry.chunks].sort().join() === [...should.chunks].sort().join());
