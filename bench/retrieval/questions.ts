/**
 * Sets of questions with known answers. An answer is a place in a file, named by a line's text and not by its number, so
 * that it survives edits around it: it reaches from that line, with the comment right above it, to the end of the block
 * or of the Markdown section that the line opens. Or it is a range of lines, `12-40`, or a whole file.
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { parse } from 'yaml';
import { z } from 'zod';

const setSchema = z.strictObject({
  /** Where to clone it from; looked for under the last part of its name. Without one it is this repository. */
  repository: z.string().optional(),
  /** Of the answers. */
  commit: z.string(),
  /** Whether the weights of the re-rank were chosen on it. */
  weights: z.enum(['chosen', 'held out']),
  /** Left out of the index besides the default, so that no question finds itself. */
  exclude: z.array(z.string()).default([]),
  questions: z.array(
    z.strictObject({
      ask: z.string(),
      /**
       * `identifier`: a name of code. `sentence`: in words of its answer. `task`: what somebody wants to do, in words of
       * their own. `paraphrase`: in none of its words. `everyday`: the same, about a passage and not a whole file.
       * `jargon`: nor in words near to them.
       */
      kind: z.string(),
      answers: z.record(z.string(), z.union([z.string(), z.array(z.string())])),
    }),
  ),
});

export interface QuestionSet extends Omit<z.output<typeof setSchema>, 'questions'> {
  readonly name: string;
  readonly questions: readonly Question[];
}

export interface Question {
  readonly ask: string;
  readonly kind: string;
  readonly answers: readonly { readonly path: string; readonly at: string }[];
}

export interface Answer {
  readonly path: string;
  readonly startLine: number;
  readonly endLine: number;
}

export const readSet = (file: string): QuestionSet => {
  const { questions, ...rest } = setSchema.parse(parse(readFileSync(file, 'utf8')));
  return {
    name: basename(file, '.yaml'),
    ...rest,
    questions: questions.map(({ answers, ...question }) => ({
      ...question,
      answers: Object.entries(answers).flatMap(([path, places]) => [places].flat().map((at) => ({ path, at }))),
    })),
  };
};

/** Throws for an answer that is not there: a set that has gone stale would measure nothing. */
export const answersOf = (question: Question, read: (path: string) => string | undefined): readonly Answer[] =>
  question.answers.map(({ path, at }) => {
    const content = read(path);
    const range = content === undefined ? undefined : rangeOf(content.split('\n'), at, path);
    if (!range) throw new Error(`"${question.ask}": ${path} has no ${JSON.stringify(at)}`);
    return { path, ...range };
  });

type Range = Pick<Answer, 'startLine' | 'endLine'>;

const rangeOf = (lines: readonly string[], at: string, path: string): Range | undefined => {
  if (at === '*') return { startLine: 1, endLine: lines.length };
  const numbers = /^(\d+)-(\d+)$/.exec(at);
  if (numbers) return { startLine: Number(numbers[1]), endLine: Number(numbers[2]) };
  const line = lines.findIndex((text) => text.includes(at));
  if (line < 0) return undefined;
  const end = path.endsWith('.md') ? endOfSection(lines, line) : endOfBlock(lines, line);
  return { startLine: startOfComment(lines, line) + 1, endLine: end + 1 };
};

const COMMENT = /^\s*(?:\/\/|\/?\*|#|@)/;

const startOfComment = (lines: readonly string[], line: number): number => {
  let start = line;
  while (start > 0 && COMMENT.test(lines[start - 1] ?? '')) start -= 1;
  return start;
};

const indentOf = (line: string): number => line.search(/\S/);

const endOfBlock = (lines: readonly string[], line: number): number => {
  if (COMMENT.test(lines[line] ?? '')) {
    const over = lines.findIndex((text, i) => i > line && !COMMENT.test(text));
    return (over < 0 ? lines.length : over) - 1;
  }
  const indent = indentOf(lines[line] ?? '');
  let end = line;
  for (let i = line + 1; i < lines.length; i += 1) {
    const text = lines[i] ?? '';
    if (text.trim() === '') continue;
    const closing = indentOf(text) === indent && /^\s*(?:[)}\]]|end\b)/.test(text);
    if (indentOf(text) <= indent && !closing) break;
    end = i;
    // What closes the parameters opens the body.
    if (closing && !/[:{([=>]\s*$/.test(text)) break;
  }
  return end;
};

const endOfSection = (lines: readonly string[], line: number): number => {
  const level = /^(#+)\s/.exec(lines[line] ?? '')?.[1]?.length;
  const over = lines.findIndex((text, i) => {
    if (i <= line) return false;
    const other = /^(#+)\s/.exec(text)?.[1]?.length;
    return level === undefined ? text.trim() === '' : other !== undefined && other <= level;
  });
  return (over < 0 ? lines.length : over) - 1;
};
