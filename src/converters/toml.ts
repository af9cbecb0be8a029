import { asItStands, type Format } from './format.ts';

export const toml: Format = {
  name: 'toml',
  version: 1,
  kinds: [
    {
      language: 'toml',
      mediaType: 'application/toml',
      extensions: ['toml'],
      names: ['cargo.lock', 'poetry.lock', 'pipfile', 'uv.lock', 'gopkg.lock'],
    },
  ],
  text: asItStands,
};
