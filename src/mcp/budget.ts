/** Answers that fit: what an agent is given is bounded in tokens, and says where it goes on. */
import type { AnswerOf } from '../api/questions.ts';

export const DEFAULT_TOKENS = 8_000;
export const MIN_TOKENS = 500;
/** An answer goes out twice, as text and as structure, and clients take 25,000 tokens. */
export const MAX_TOKENS = 10_000;

/** Of JSON that holds code and prose; rather too many tokens than too few. */
const BYTES_PER_TOKEN = 3;
const CUT = '… (cut)';

export const tokensOf = (value: unknown): number =>
  Math.ceil(Buffer.byteLength(JSON.stringify(value)) / BYTES_PER_TOKEN);

interface Page {
  readonly hits: readonly { readonly text: string }[];
  readonly next: number | null;
}

/** Leaves out the hits that do not fit; they are the next page. The first one is cut if need be. */
export const fittingHits = <T extends Page>(answer: T, offset: number, tokens: number): T => {
  let room = tokens - tokensOf({ ...answer, hits: [] });
  const hits: T['hits'][number][] = [];
  for (const hit of answer.hits) {
    room -= tokensOf(hit);
    if (room >= 0) hits.push(hit);
    else if (hits.length === 0) hits.push({ ...hit, text: cutText(hit.text, -room) });
    if (room < 0) break;
  }
  const next = hits.length < answer.hits.length ? offset + hits.length : answer.next;
  return { ...answer, hits, next };
};

/** Leaves out the lines that do not fit; the next question begins there. One line that is too long is cut. */
export const fittingLines = (answer: AnswerOf<'read'>, tokens: number): AnswerOf<'read'> => {
  let room = tokens - tokensOf({ ...answer, text: '' });
  const lines: string[] = [];
  for (const line of answer.text.split('\n')) {
    room -= tokensOf(line);
    if (room < 0 && lines.length > 0) break;
    lines.push(room < 0 ? cutText(line, -room) : line);
  }
  const endLine = answer.startLine + lines.length - 1;
  return { ...answer, text: lines.join('\n'), endLine, next: endLine < answer.totalLines ? endLine + 1 : null };
};

/** Leaves out the projects that do not fit, those with nothing pending first. */
export const fittingProjects = (
  answer: AnswerOf<'status'>,
  tokens: number,
): AnswerOf<'status'> & { readonly left: number } => {
  const byNeed = answer.projects.toSorted((a, b) => b.pending + b.failed - (a.pending + a.failed));
  const room = tokens - tokensOf({ ...answer, projects: [], waits: [] });
  const waits = fitting(answer.waits, room);
  const projects = fitting(byNeed, room - tokensOf(waits));
  return { ...answer, waits, projects, left: answer.projects.length - projects.length };
};

const fitting = <T>(items: readonly T[], tokens: number): readonly T[] => {
  let used = 0;
  return items.filter((item) => {
    used += tokensOf(item);
    return used <= tokens;
  });
};

/** Without its last part, so that so many tokens are saved. */
const cutText = (text: string, tokens: number): string => {
  const bytes = Buffer.from(text);
  // In JSON some characters take twice the room; what is left is at least this.
  const kept = Math.max(0, bytes.length - tokens * BYTES_PER_TOKEN - CUT.length * BYTES_PER_TOKEN);
  return `${bytes.toString('utf8', 0, kept).replace(/\ufffd$/, '')}${CUT}`;
};
