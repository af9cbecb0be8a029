import { sourceContract } from '../../contracts/source.ts';
import { simulatedGitlab } from '../../support/gitlab/gitlab.ts';
import { type OpenedSource, openGitlab } from '../../support/gitlab-source.ts';

/** A listing in one call; and one that is too large for that, so that it comes by keyset pages. */
for (const [name, trees] of [
  ['whole listings', {}],
  ['keyset pages', { listingBytes: 10 }],
] as const) {
  sourceContract(`gitlab, ${name}`, { anyBytes: false, sizes: false }, async () => {
    const gitlab = await simulatedGitlab();
    const { id, path, repository } = await gitlab.project('team/handbook');
    const { username: user } = gitlab.user('jane');
    const opened: OpenedSource[] = [];
    const again = async () => {
      const one = await openGitlab(gitlab, { scope: { projects: [path] }, trees });
      opened.push(one);
      return one.source;
    };
    const source = await again();
    const close = async () => {
      await Promise.all(opened.map((one) => one.close()));
      await gitlab.close();
    };
    return { source, project: String(id), user, repository, again, close };
  });
}
