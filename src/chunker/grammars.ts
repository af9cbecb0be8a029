/**
 * The grammars that code is cut by, each loaded when a text in its language first comes. They are WebAssembly: nothing
 * is compiled when Tidemark is installed, and a grammar that crashes takes no process with it.
 */
import { createRequire } from 'node:module';
import treeSitter, { type Parser, type Tree } from '@vscode/tree-sitter-wasm';

/** Undefined where the tree would be no help: the caller goes by blank lines and indentation. The tree is his to delete. */
export type Parse = (content: string) => Tree | undefined;

/** By language, the grammars to try until one makes sense of the text. Headers in C are as often in C++. */
const GRAMMARS: Readonly<Record<string, readonly string[]>> = {
  c: ['cpp'],
  cpp: ['cpp'],
  csharp: ['c-sharp'],
  go: ['go'],
  java: ['java'],
  javascript: ['javascript'],
  python: ['python'],
  ruby: ['ruby'],
  rust: ['rust'],
  typescript: ['typescript', 'tsx'],
};

/** Larger files are generated, and a tree takes some hundred bytes a character. */
const MAX_CHARACTERS = 2 ** 19;
/**
 * How often the parser may ask whether to go on, twice of what code needs. It asks after steps and not after time, so that the
 * same text is cut alike on every machine.
 */
const MAX_STEPS = 10_000;

const { resolve } = createRequire(import.meta.url);
/** Once: a second start would forget what the first has loaded. */
let runtime: Promise<void> | undefined;
const loaded = new Map<string, Promise<Parser>>();

const parserOf = (grammar: string): Promise<Parser> => {
  const known = loaded.get(grammar);
  if (known) return known;
  const loading = load(grammar);
  loaded.set(grammar, loading);
  return loading;
};

const load = async (grammar: string): Promise<Parser> => {
  runtime ??= treeSitter.Parser.init();
  await runtime;
  const language = await treeSitter.Language.load(resolve(`@vscode/tree-sitter-wasm/wasm/tree-sitter-${grammar}.wasm`));
  return new treeSitter.Parser().setLanguage(language);
};

/** Undefined for a language without a grammar. */
export const parseOf = async (language: string): Promise<Parse | undefined> => {
  const grammars = Object.hasOwn(GRAMMARS, language) ? GRAMMARS[language] : undefined;
  if (!grammars) return undefined;
  const parsers = await Promise.all(grammars.map(parserOf));
  return (content) => {
    if (content.length > MAX_CHARACTERS) return undefined;
    let best: Tree | undefined;
    for (const parser of parsers) {
      const tree = treeOf(parser, content);
      if (!tree) continue;
      if (best && tree.rootNode.hasError) {
        tree.delete();
        continue;
      }
      best?.delete();
      best = tree;
      if (!tree.rootNode.hasError) break;
    }
    return best;
  };
};

const treeOf = (parser: Parser, content: string): Tree | undefined => {
  let steps = 0;
  const tree = parser.parse(content, undefined, {
    progressCallback: () => {
      steps += 1;
      return steps > MAX_STEPS;
    },
  });
  // Without this the next text would be taken for the rest of this one.
  if (!tree) parser.reset();
  return tree ?? undefined;
};
