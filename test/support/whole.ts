/** What chunks owe to their text: all of it, once, in lines that are what they say. */
import type { Chunk } from '../../src/ports.ts';
import type { Text } from '../../src/records.ts';

const isBlank = (line: string) => line.trim() === '';
const withoutSpace = (text: string) => text.replace(/\s+/g, '');

/** Empty if the chunks claim each line that is not blank once and name exactly what they hold. */
export const flawsOf = ({ content }: Text, chunks: readonly Chunk[]): string[] => {
  const flaws: string[] = [];
  const lines = content.split('\n');
  const claims = new Map<number, Chunk[]>();
  for (const chunk of chunks)
    for (let line = chunk.startLine; line <= chunk.endLine; line += 1) {
      const claiming = claims.get(line);
      if (claiming) claiming.push(chunk);
      else claims.set(line, [chunk]);
    }
  lines.forEach((line, i) => {
    const claiming = claims.get(i + 1) ?? [];
    if (claiming.length === 0 && !isBlank(line)) flaws.push(`line ${i + 1} is lost`);
    if (claiming.length < 2) return;
    // Only a line that is shared because of its length, and then the parts are all of it.
    if (claiming.some(({ startLine, endLine }) => startLine !== endLine)) flaws.push(`line ${i + 1} is claimed twice`);
    else if (withoutSpace(claiming.map(({ text }) => text).join('')) !== withoutSpace(line))
      flaws.push(`the parts of line ${i + 1} are not the whole`);
  });
  for (const { text, startLine, endLine } of chunks) {
    const name = `the chunk of lines ${startLine} to ${endLine}`;
    if (isBlank(lines[startLine - 1] ?? '')) flaws.push(`${name} begins with a blank line`);
    if (isBlank(lines[endLine - 1] ?? '')) flaws.push(`${name} ends with a blank line`);
    const shared = (claims.get(startLine) ?? []).length > 1;
    if (shared ? !lines[startLine - 1]?.includes(text) : text !== lines.slice(startLine - 1, endLine).join('\n'))
      flaws.push(`${name} holds something else`);
  }
  return flaws;
};
