/**
 * One of the two sides that `chunking.ts` compares, in a process of its own: no other's garbage is collected on its time,
 * and it runs as it is installed, which the loader that runs the bench would rewrite. A round for each message, answered
 * with its processor time in seconds.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const TOKENS = 256;
/** What that many tokens are in English, which is how splitters by characters are set up. */
const CHARACTERS = 1_024;
const MAX_CHARACTERS = 4_000_000;
/** Of the texts, where tokens are counted: fewer the longer that takes. */
const SHARE = { characters: 1, static: 0.2, transformers: 0.05 };

const [side, limit, compiled = '', splitters = '', model = ''] = process.argv.slice(2);

/** Whatever is written in Markdown in the packages that are installed. */
const corpus = () => {
  const modules = fileURLToPath(new URL('../../node_modules', import.meta.url));
  const texts = [];
  let total = 0;
  for (const entry of readdirSync(modules, { recursive: true, encoding: 'utf8' }).sort()) {
    const file = join(modules, entry);
    if (!/\.md$/i.test(entry) || entry.startsWith('.cache') || !statSync(file).isFile()) continue;
    texts.push(readFileSync(file, 'utf8'));
    total += texts.at(-1).length;
    if (total > MAX_CHARACTERS) break;
  }
  return texts.filter((_, i) => i % Math.round(1 / SHARE[limit]) === 0);
};

const load = (file) => import(pathToFileURL(join(compiled, file)).href);
const count =
  limit === 'characters'
    ? Object.assign((text) => (text.length * TOKENS) / CHARACTERS, { additive: true })
    : await (await load('embedders/token-counter.js')).tokenCounter({ kind: limit, model, hub: '' });

const ours = async () => {
  const { chunksOf, cutsOf } = await load('chunker/chunker.js');
  return (content) => {
    const text = { content, language: 'markdown', mediaType: 'text/markdown' };
    chunksOf(content, cutsOf(text, { tokens: TOKENS, count }));
  };
};

const theirs = async () => {
  const from = createRequire(splitters);
  const { MarkdownTextSplitter, RecursiveCharacterTextSplitter } = await import(
    pathToFileURL(from.resolve('@langchain/textsplitters')).href
  );
  const splitter =
    limit === 'characters'
      ? new MarkdownTextSplitter({ chunkSize: CHARACTERS, chunkOverlap: 0 })
      : new RecursiveCharacterTextSplitter({ chunkSize: TOKENS, chunkOverlap: 0, lengthFunction: count });
  return (text) => splitter.splitText(text);
};

const texts = corpus();
const characters = texts.reduce((sum, { length }) => sum + length, 0);
const split = await (side === 'ours' ? ours() : theirs());
process.on('message', async () => {
  const before = process.cpuUsage();
  for (const text of texts) await split(text);
  const { user, system } = process.cpuUsage(before);
  process.send({ seconds: (user + system) / 1e6, characters });
});
