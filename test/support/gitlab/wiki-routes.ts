/** The pages of a wiki, out of its own repository. */
import { listed } from '../repository.ts';
import { type Answer, json } from './answers.ts';
import type { Request } from './project-routes.ts';
import { defaultBranch } from './repository-routes.ts';
import { mayReadCode, type SimulatedProject, type World } from './world.ts';

const FORMATS: Readonly<Record<string, string>> = {
  md: 'markdown',
  markdown: 'markdown',
  asciidoc: 'asciidoc',
  rdoc: 'rdoc',
  org: 'org',
};

/** All of them in one answer, however many there are. */
export const wikiRoute = async (world: World, project: SimulatedProject, { url, token }: Request): Promise<Answer> => {
  const { wiki, wikiAccess } = project;
  if (!wiki || wikiAccess === 'disabled' || !mayReadCode(world, project, token))
    return json({ message: '403 Forbidden' }, {}, 403);
  if ((await defaultBranch(wiki)) === null) return json([]);
  const pages = [];
  for (const [latin1, { blob }] of await listed(wiki, 'HEAD')) {
    const path = Buffer.from(latin1, 'latin1').toString('utf8');
    const [, slug = '', extension = ''] = /^(.*)\.([^./]+)$/s.exec(path) ?? [];
    const format = FORMATS[extension];
    // Attachments are no pages.
    if (format === undefined) continue;
    const page = { slug, format, title: slug.replaceAll('-', ' ') };
    const content =
      url.searchParams.get('with_content') === '1' ? await wiki.run(['cat-file', 'blob', blob]) : undefined;
    pages.push(content ? { ...page, encoding: 'UTF-8', content: content.toString('utf8') } : page);
  }
  return json(pages);
};
