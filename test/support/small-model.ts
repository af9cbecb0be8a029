/**
 * A model directory as Transformers.js wants it: the built-in embedder's table as an ONNX graph, behind BERT's own
 * tokenizer. What it says of a text is therefore known from elsewhere.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { modelFile } from '../../src/embedders/static/files.ts';
import { parseTable } from '../../src/embedders/static/table.ts';
import { onnx } from './onnx.ts';

const INPUTS = ['input_ids', 'attention_mask', 'token_type_ids'];
export const VOCABULARY = modelFile('static-minilm.vocab.txt').toString('utf8').trimEnd().split('\n');
export const MAX_TOKENS = 64;

/** Padding that leaked into a vector would drown it. */
const LOUD = 100;

export interface SmallModel {
  readonly directory: string;
  remove(): void;
}

export const smallModel = (): SmallModel => {
  const { rows, dimensions, scales, values } = parseTable(modelFile('static-minilm-256.bin'));
  const loud = Int8Array.from(values);
  loud.fill(LOUD, 0, dimensions);
  const scaled = Float32Array.from(scales);
  scaled[0] = 1;
  const graph = (table: Int8Array) =>
    onnx({
      inputs: INPUTS,
      output: { name: 'last_hidden_state', dimensions },
      initializers: [
        { name: 'table', dims: [rows, dimensions], data: table },
        { name: 'scales', dims: [rows, 1], data: scaled },
      ],
      nodes: [
        { op: 'Gather', inputs: ['table', 'input_ids'], output: 'whole', attributes: { axis: { int: 0 } } },
        { op: 'Cast', inputs: ['whole'], output: 'numbers', attributes: { to: { int: 1 } } },
        { op: 'Gather', inputs: ['scales', 'input_ids'], output: 'scale', attributes: { axis: { int: 0 } } },
        { op: 'Mul', inputs: ['numbers', 'scale'], output: 'last_hidden_state' },
      ],
    });
  const directory = mkdtempSync(join(tmpdir(), 'tidemark-model-'));
  mkdirSync(join(directory, 'onnx'));
  writeFileSync(join(directory, 'onnx', 'model.onnx'), graph(loud));
  writeFileSync(join(directory, 'onnx', 'model_quantized.onnx'), graph(loud.map((value) => value & ~15)));
  writeTokenizer(directory);
  const config = { model_type: 'bert', hidden_size: dimensions, max_position_embeddings: MAX_TOKENS };
  writeFileSync(join(directory, 'config.json'), JSON.stringify(config));
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
};

export const writeTokenizer = (directory: string): void => {
  const special = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];
  const id = (token: string) => VOCABULARY.indexOf(token);
  const around = (token: string) => ({ SpecialToken: { id: token, type_id: 0 } });
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: special.map((content) => ({
      ...{ id: id(content), content, special: true },
      ...{ single_word: false, lstrip: false, rstrip: false, normalized: false },
    })),
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: {
      type: 'TemplateProcessing',
      single: [around('[CLS]'), { Sequence: { id: 'A', type_id: 0 } }, around('[SEP]')],
      pair: [],
      special_tokens: Object.fromEntries(
        ['[CLS]', '[SEP]'].map((token) => [token, { id: token, ids: [id(token)], tokens: [token] }]),
      ),
    },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      ...{ type: 'WordPiece', unk_token: '[UNK]', continuing_subword_prefix: '##', max_input_chars_per_word: 100 },
      vocab: Object.fromEntries(VOCABULARY.map((piece, at) => [piece, at])),
    },
  };
  const config = { tokenizer_class: 'BertTokenizer', model_max_length: 512, pad_token: '[PAD]', unk_token: '[UNK]' };
  writeFileSync(join(directory, 'tokenizer.json'), JSON.stringify(tokenizer));
  writeFileSync(
    join(directory, 'tokenizer_config.json'),
    JSON.stringify({ ...config, cls_token: '[CLS]', sep_token: '[SEP]', mask_token: '[MASK]' }),
  );
};
