/** The two files of the built-in model lie in `models/` at the top of the package. */
import { readFileSync } from 'node:fs';
import { StopFlow } from '../errors.ts';
import { packageDirectory } from '../package.ts';
import { type WordPiece, wordPiece } from './word-piece.ts';

const directory = new URL('models/', packageDirectory);

export const modelFile = (name: string): Buffer => {
  try {
    return readFileSync(new URL(name, directory));
  } catch (cause) {
    throw new StopFlow(`read ${name} of the built-in embedder in ${directory.pathname}: install tidemark again`, {
      cause,
    });
  }
};

/** The model's tokens alone: a fraction of a second and of the memory that its table takes. */
export const staticTokens = (): WordPiece => wordPiece(modelFile('static-minilm.vocab.txt').toString('utf8'));
