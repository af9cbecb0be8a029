import { asItStands, type Format } from './format.ts';

/** Never parsed: a text need not be valid to be found, and no nesting is too deep for what nobody descends into. */
export const json: Format = {
  name: 'json',
  version: 2,
  kinds: [
    {
      language: 'json',
      mediaType: 'application/json',
      extensions: ['json', 'webmanifest', 'geojson', 'jsonld', 'har', 'avsc'],
      names: ['composer.lock', '.babelrc', '.eslintrc', '.prettierrc', 'pipfile.lock', '.swcrc'],
    },
    { language: 'jsonc', mediaType: 'application/json', extensions: ['jsonc', 'json5', 'code-workspace'] },
    { language: 'jsonl', mediaType: 'application/jsonl', extensions: ['jsonl', 'ndjson'] },
  ],
  text: asItStands,
};
