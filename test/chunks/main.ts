/**
 * Whether chunking loses anything of real files: `npm run test:chunks -- DIRECTORY…`. Converts and chunks every file of
 * the directories and holds the chunks against the text: every line that is not blank stands in exactly one, and every
 * line range is exact. Ends with 1 if one does not.
 */
import { lstatSync, readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { chunksOf, cutsOf } from '../../src/chunker/chunker.ts';
import { parseOf } from '../../src/chunker/grammars.ts';
import { convert } from '../../src/converters/convert.ts';
import { tokenCounter } from '../../src/embedders/token-counter.ts';
import { flawsOf } from '../support/whole.ts';

const TOKENS = 256;
const LIMITS = { fileBytes: 20_000_000, textBytes: 4 * 2 ** 20 };
const count = await tokenCounter({ kind: 'static' });

const check = async (directory: string): Promise<number> => {
  const languages = new Map<string, { files: number; chunks: number; tokens: number }>();
  let bad = 0;
  let skipped = 0;
  const started = performance.now();
  for (const entry of readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort()) {
    const path = join(directory, entry);
    if (entry.split(sep).includes('.git') || !lstatSync(path).isFile()) continue;
    const converted = convert(entry, readFileSync(path), LIMITS);
    if ('skip' in converted) {
      skipped += 1;
      continue;
    }
    const { text } = converted;
    const chunks = chunksOf(text.content, cutsOf(text, { tokens: TOKENS, count, parse: await parseOf(text.language) }));
    const flaws = flawsOf(text, chunks);
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
  console.log(
    `${directory}: ${files} texts, ${skipped} skipped, ${bad} with flaws, ${((performance.now() - started) / 1_000).toFixed(1)} s`,
  );
  for (const [language, one] of all.slice(0, 8))
    console.log(
      `  ${language.padEnd(16)} ${one.files} files, ${one.chunks} chunks of ${Math.round(one.tokens / one.chunks)} tokens`,
    );
  return bad;
};

let bad = 0;
for (const directory of process.argv.slice(2)) bad += await check(directory);
if (process.argv.length < 3) throw new Error('Say which directories: npm run test:chunks -- DIRECTORY…');
process.exitCode = bad === 0 ? 0 : 1;
