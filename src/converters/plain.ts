import { asItStands, type Format } from './format.ts';

/** What reads as text and is claimed by no other format ends here, whatever its extension. */
export const plainKind = { language: 'text', mediaType: 'text/plain' };

export const plain: Format = {
  name: 'plain',
  version: 1,
  kinds: [
    {
      ...plainKind,
      extensions: ['txt', 'text', 'log', 'out', 'asc'],
      names: ['readme', 'license', 'licence', 'copying', 'notice', 'authors', 'changelog', 'changes', 'todo', 'news'],
    },
    { language: 'restructuredtext', mediaType: 'text/x-rst', extensions: ['rst'] },
    { language: 'asciidoc', mediaType: 'text/asciidoc', extensions: ['adoc', 'asciidoc'] },
    { language: 'org', mediaType: 'text/org', extensions: ['org'] },
    { language: 'latex', mediaType: 'text/x-tex', extensions: ['tex', 'sty', 'cls', 'bib'] },
    { language: 'csv', mediaType: 'text/csv', extensions: ['csv'] },
    { language: 'csv', mediaType: 'text/tab-separated-values', extensions: ['tsv'] },
    { language: 'diff', mediaType: 'text/x-diff', extensions: ['diff', 'patch'] },
  ],
  text: asItStands,
};
