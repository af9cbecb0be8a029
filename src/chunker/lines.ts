/**
 * The stretches of a text that a chunk is made of, as columns: number i runs from `start[i]` up to `end[i]`. For a text
 * they are its lines that are not blank; for one line that is too long they are pieces of it. Blank lines belong to
 * nobody: what a chunk starts and ends with always says something, and adding one embeds nothing.
 */
export interface Stretches {
  readonly start: readonly number[];
  readonly end: readonly number[];
  /** How firmly a chunk may begin here, by structure alone: 0 (last resort) to 15. */
  readonly strength: readonly number[];
  /** What all before number i cost, and at last what all of them do. */
  readonly cost: Float64Array;
}

export interface Lines {
  readonly start: readonly number[];
  /** Where the line feed stands, or the text ends. */
  readonly end: readonly number[];
  /** 1-based, as git and every editor count them: only a line feed ends a line. */
  readonly number: readonly number[];
  /** Columns of leading white space, a tab as 4. */
  readonly indent: readonly number[];
  /** Where the first character that is not white space stands. */
  readonly first: readonly number[];
  /** Blank lines between this one and the one before it. */
  readonly blanks: readonly number[];
}

const TAB = 9;
const SPACE = 32;

/** White space as `trim` sees it. Beyond ASCII it is rare enough to ask `trim` itself. */
export const isSpace = (code: number): boolean =>
  code === SPACE || (code >= TAB && code <= 13) || (code >= 0xa0 && String.fromCharCode(code).trim() === '');

/** The lines of a text that are not blank. */
export const linesOf = (content: string): Lines => {
  const start: number[] = [];
  const end: number[] = [];
  const number: number[] = [];
  const indent: number[] = [];
  const first: number[] = [];
  const blanks: number[] = [];
  let lineNumber = 0;
  let blank = 0;
  for (let from = 0; from < content.length; ) {
    const feed = content.indexOf('\n', from);
    const to = feed < 0 ? content.length : feed;
    lineNumber += 1;
    let at = from;
    let columns = 0;
    while (at < to) {
      const code = content.charCodeAt(at);
      if (code === SPACE) columns += 1;
      else if (code === TAB) columns += 4;
      else if (!isSpace(code)) break;
      at += 1;
    }
    if (at === to) blank += 1;
    else {
      start.push(from);
      end.push(to);
      number.push(lineNumber);
      indent.push(columns);
      first.push(at);
      blanks.push(blank);
      blank = 0;
    }
    from = to + 1;
  }
  return { start, end, number, indent, first, blanks };
};
