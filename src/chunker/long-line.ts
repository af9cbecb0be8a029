/**
 * Pieces of a line that is too long for one chunk: at words where there are any, else at punctuation, else wherever its
 * own characters say so, and never inside a surrogate pair. Cutting by content and not by count keeps most chunks of a
 * minified file through an edit.
 */
import { isSpace, type Stretches } from './lines.ts';

/** Fewer characters have too little in them to tell pieces apart. */
const SHORTEST = 16;
/** Long enough for the words of most languages, short enough to fit the smallest budget that makes sense. */
const LONGEST = 128;

const WORD = 6;
const PUNCTUATION = 4;
const CONTENT = 2;
const FORCED = 0;

const PUNCTUATIONS = new Set([...',;:.!?(){}[]<>|&/\\"\'=+'].map((character) => character.charCodeAt(0)));

export const isLowSurrogate = (code: number): boolean => code >= 0xdc00 && code <= 0xdfff;

export const piecesOf = (content: string, from: number, to: number): Omit<Stretches, 'cost'> => {
  const start: number[] = [from];
  const end: number[] = [];
  const strength: number[] = [WORD];
  // Each step shifts the oldest character out, so that equal characters cut alike wherever they stand.
  let rolling = 0;
  let begin = from;
  for (let at = from + 1; at < to; at += 1) {
    const before = content.charCodeAt(at - 1);
    rolling = (Math.imul(rolling, 32) + Math.imul(before, 0x9e3779b1)) | 0;
    const length = at - begin;
    if (length < SHORTEST) continue;
    const code = content.charCodeAt(at);
    if (isLowSurrogate(code)) continue;
    let firmness = -1;
    if (isSpace(before) && !isSpace(code)) firmness = WORD;
    else if (PUNCTUATIONS.has(before) && !PUNCTUATIONS.has(code)) firmness = PUNCTUATION;
    else if (rolling >>> 27 === 0) firmness = CONTENT;
    else if (length >= LONGEST) firmness = FORCED;
    if (firmness < 0) continue;
    end.push(at);
    start.push(at);
    strength.push(firmness);
    begin = at;
  }
  end.push(to);
  return { start, end, strength };
};
