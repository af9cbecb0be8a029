import { asItStands, type Format } from './format.ts';

/** Never parsed: aliases that multiply are a danger only to who expands them. */
export const yaml: Format = {
  name: 'yaml',
  version: 1,
  kinds: [
    {
      language: 'yaml',
      mediaType: 'application/yaml',
      extensions: ['yml', 'yaml', 'eyaml', 'cff'],
      names: ['.clang-format', '.clang-tidy', '.clangd', '.yamllint'],
    },
  ],
  text: asItStands,
};
