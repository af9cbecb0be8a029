import { linesOf } from '../chunker/lines.ts';
import { titleOfMarkdown } from '../chunker/markdown.ts';
import { asItStands, type Format } from './format.ts';

export const markdown: Format = {
  name: 'markdown',
  version: 1,
  kinds: [
    {
      language: 'markdown',
      mediaType: 'text/markdown',
      extensions: ['md', 'markdown', 'mdown', 'mkd', 'mkdn', 'mdx', 'mdc', 'qmd', 'rmd'],
    },
  ],
  text(content, kind) {
    const title = titleOfMarkdown(content, linesOf(content));
    return title === undefined ? asItStands(content, kind) : { ...asItStands(content, kind), title };
  },
};
