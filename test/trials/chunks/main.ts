/**
 * Whether chunking loses anything of real files: `npm run trial -- chunks DIRECTORY…`. Converts and chunks every file of
 * the directories and holds the chunks against the text, and that against the file: every line that is not blank stands in
 * exactly one, and every line range is exact. Says of how many files no text was made, and why. Ends with 1 for any flaw.
 */
import { isUtf8 } from 'node:buffer';
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { chunksOf, cutsOf } from '../../../src/chunker/chunker.ts';
import { parseOf } from '../../../src/chunker/grammars.ts';
import { convert } from '../../../src/converters/convert.ts';
import { tokenCounter } from '../../../src/embedders/token-counter.ts';
import type { Text } from '../../../src/records.ts';
import { MIB } from '../../../src/units.ts';
import { flawsOf } from '../../support/whole.ts';

const TOKENS = 256;
const LIMITS = { fileBytes: 20_000_000, textBytes: 4 * MIB };
const count = await tokenCounter({ kind: 'static' });

const check = async (directory: string): Promise<number> => {
  const languages = new Map<string, { files: number; chunks: number; tokens: number }>();
  let bad = 0;
  const skipped = new Map<string, number>();
  const started = performance.now();
  for (const entry of readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(directory, entry);
    if (entry.split(sep).includes('.git') || !lstatSync(path).isFile()) continue;
    const bytes = readFileSync(path);
    const converted = convert(entry, bytes, LIMITS);
    if ('skip' in converted) {
      skipped.set(converted.skip, (skipped.get(converted.skip) ?? 0) + 1);
      continue;
    }
    const { text } = converted;
    const chunks = chunksOf(text.content, cutsOf(text, { tokens: TOKENS, count, parse: await parseOf(text.language) }));
    const flaws = [...lostOf(text, entry, bytes), ...flawsOf(text, chunks)];
    for (const { embed, startLine } of chunks)
      if (count(embed) > TOKENS && embed.length > 2) flaws.push(`the chunk at line ${startLine} is too long`);
    if (flaws.length > 0) {
      bad += 1;
      console.log(`${path}: ${flaws.slice(0, 3).join('; ')}`);
    }
    const sum = languages.get(text.language) ?? { files: 0, chunks: 0, tokens: 0 };
    sum.files += 1;
    sum.chunks += chunks.length;
    for (const { embed } of chunks) sum.tokens += count(embed);
    languages.set(text.language, sum);
  }
  const all = [...languages].sort(([, a], [, b]) => b.chunks - a.chunks);
  const files = all.reduce((sum, [, one]) => sum + one.files, 0);
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  const without = [...skipped].map(([reason, count]) => `${count} ${reason}`).join(', ') || 'none';
  console.log(`${directory}: ${files} texts, skipped: ${without}; ${bad} with flaws, ${seconds} s`);
  for (const [language, one] of all.slice(0, 8))
    console.log(
      `  ${language.padEnd(16)} ${one.files} files, ${one.chunks} chunks of ${Math.round(one.tokens / one.chunks)} tokens`,
    );
  return bad;
};

/** Of a notebook the text is its cells alone, and what is not UTF-8 is another matter: neither is looked at. */
const lostOf = ({ content }: Text, path: string, bytes: Buffer): string[] => {
  if (path.endsWith('.ipynb') || !isUtf8(bytes)) return [];
  const written = bytes
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/);
  const lines = content.split('\n');
  const at = written.findIndex((line, i) => line !== lines[i]);
  return at >= 0 || written.length !== lines.length ? [`line ${at + 1} of the file is not that of the text`] : [];
};

let bad = 0;
for (const directory of process.argv.slice(2)) bad += await check(directory);
if (process.argv.length < 3) throw new Error('Say which directories: npm run trial -- chunks DIRECTORY…');
process.exitCode = bad === 0 ? 0 : 1;
