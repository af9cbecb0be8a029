/** The two files of the built-in model. */
import { packagedFile } from '../../package.ts';
import { type WordPiece, wordPiece } from './word-piece.ts';

export const modelFile = (name: string): Buffer => packagedFile(`models/${name}`);

/** The model's tokens alone: a fraction of a second and of the memory that its table takes. */
export const staticTokens = (): WordPiece => wordPiece(modelFile('static-minilm.vocab.txt').toString('utf8'));
