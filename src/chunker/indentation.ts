/**
 * Code, data and prose by their shape alone: what stands at the margin after a blank line begins something; what closes
 * a block, or follows a comment, belongs to what is above it.
 */
import type { Lines } from './lines.ts';
import type { Structure } from './structure.ts';

const CLOSES = /[)\]}>]|<\/|(?:end|else|elif|elsif|except|catch|finally|fi|done|esac|then|begin)\b/y;
const COMMENTS = /\/\/|\/\*|\*|#|--|;|%|@|"""|'''|<!--|rem\b/iy;

const standsAt = (pattern: RegExp, content: string, at: number): boolean => {
  pattern.lastIndex = at;
  return pattern.test(content);
};

export const indentation = (content: string, lines: Lines): Structure => {
  const count = lines.start.length;
  const strength: number[] = new Array(count).fill(0);
  let followsComment = false;
  let followsClose = false;
  for (let i = 0; i < count; i += 1) {
    const at = lines.first[i] ?? 0;
    const blanks = lines.blanks[i] ?? 0;
    const indent = lines.indent[i] ?? 0;
    const above = lines.indent[i - 1] ?? 0;
    const closes = standsAt(CLOSES, content, at);
    const comments = standsAt(COMMENTS, content, at);
    const depth = indent === 0 ? 0 : indent <= 4 ? 1 : 2;
    if (closes) strength[i] = blanks > 0 ? 1 : 0;
    else if (blanks > 0) strength[i] = 7 - depth + (blanks > 1 ? 1 : 0);
    else if ((followsComment && !comments) || indent > above) strength[i] = 0;
    else if (followsClose && indent === above) strength[i] = depth === 0 ? 4 : 3;
    else if (indent < above) strength[i] = depth === 0 ? 3 : 2;
    else strength[i] = 1;
    followsComment = comments;
    followsClose = closes;
  }
  return { strength, sections: [], section: new Array(count).fill(-1) };
};
