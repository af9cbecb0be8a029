import type { Parts } from '../parts.ts';
import { type Event, encode, isClosed, parseDocument, projectKey, type RefId, refKey } from '../records.ts';

/** An event holds at most this much; more paths make more events. */
const EVENT_BYTES = 4_096;
/** The ids of two events may differ in length by this much. */
const ID_BYTES = 16;

export interface Hint extends Partial<Pick<Event, 'kind' | 'before' | 'after' | 'force' | 'runs'>> {
  readonly id: RefId;
  readonly paths?: readonly string[];
}

const split = (paths: readonly string[], room: number): string[][] => {
  const parts: string[][] = [];
  let bytes = 0;
  for (const path of paths) {
    const size = Buffer.byteLength(JSON.stringify(path)) + 1;
    const last = parts.at(-1);
    if (last && bytes + size <= room) {
      last.push(path);
      bytes += size;
    } else {
      parts.push([path]);
      bytes = size;
    }
  }
  return parts;
};

/** Appends hints as events; durable when it resolves. `by` says in the logs who files. */
export const fileHints = async (
  { log, names, time, telemetry }: Parts,
  lane: 'events' | 'eventsBackfill',
  by: string,
  hints: readonly Hint[],
) => {
  const events: Event[] = [];
  for (const { id, paths, kind = 'look', runs = [], ...rest } of hints) {
    const base = { v: 1 as const, kind, ...id, ...rest, runs, at: time.now() };
    const event = { ...base, id: time.token() };
    if (paths) {
      const room = EVENT_BYTES - encode({ ...event, paths: [] }).byteLength - ID_BYTES;
      for (const part of split(paths, room)) events.push({ ...base, id: time.token(), paths: part });
    } else events.push(event);
    telemetry.filed({ by, ref: `${projectKey(id)} ${id.ref}`, paths: paths?.length ?? 0 });
  }
  if (events.length === 0) return;
  const records = events.map((event) => ({ key: projectKey(event), value: encode(event) }));
  await log.append(names.topics[lane], records);
};

/** The paths of documents, ref by ref. */
export const byRef = (
  documents: readonly string[],
): readonly { readonly id: RefId; readonly paths: readonly string[] }[] => {
  const found = new Map<string, { readonly id: RefId; readonly paths: string[] }>();
  for (const document of documents) {
    const { path, ...id } = parseDocument(document);
    const known = found.get(refKey(id));
    if (known) known.paths.push(path);
    else found.set(refKey(id), { id, paths: [path] });
  }
  return [...found.values()];
};

/** Files looks at the paths of these documents; those of blocked projects are looked at when they are let in again. */
export const filePaths = async (parts: Parts, by: string, documents: readonly string[]): Promise<void> => {
  const refs = byRef(documents);
  const projects = await parts.state.read('projects', [...new Set(refs.map(({ id }) => projectKey(id)))]);
  const open = refs.filter(({ id }) => !isClosed(projects.get(projectKey(id))?.value));
  await fileHints(parts, 'eventsBackfill', by, open);
};
