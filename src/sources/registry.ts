/** The kinds of sources. Adding one is a folder beside this file, an opener, and a line in `KINDS`. */
import type { SourceOptions } from '../config/schema.ts';
import type { RepoSource } from '../ports.ts';
import type { Environment } from './git/command.ts';
import { gitSource } from './git/git.ts';
import { joinedGit } from './git/joined.ts';
import type { gitlabOpener, InstanceNeeds } from './gitlab/instance.ts';

export interface SourceNeeds extends InstanceNeeds {
  readonly environment: Environment;
}

export interface OpenedSource {
  /** In every key, and in the configuration. */
  readonly instance: string;
  /** What it is called as something that answers or does not. */
  readonly title: string;
  readonly port: RepoSource;
}

/** Those of one pipeline. Nothing is asked before the first call of a port. */
export type OpenSources = (asked: readonly SourceOptions[]) => Promise<readonly OpenedSource[]>;

/** The instance of all plain repositories. */
const GIT = 'git';

const gitSources =
  ({ environment, time }: SourceNeeds): OpenSources =>
  async (asked) => {
    const repositories = asked.flatMap(({ git }) => {
      if (!git) return [];
      const { name = GIT, ...options } = git;
      return [[name, gitSource({ name, ...options, environment, time })] as const];
    });
    if (repositories.length === 0) return [];
    return [{ instance: GIT, title: GIT, port: joinedGit(new Map(repositories)) }];
  };

const gitlabSources = (needs: SourceNeeds): OpenSources => {
  let opener: ReturnType<typeof gitlabOpener> | undefined;
  return async (asked) => {
    const options = asked.flatMap(({ gitlab }) => (gitlab ? [gitlab] : []));
    if (options.length === 0) return [];
    // Its client is loaded by those alone who have a GitLab.
    const { gitlabOpener: make } = await import('./gitlab/instance.ts');
    opener ??= make(needs);
    const open = opener;
    return options.map((one) => ({ instance: one.name, title: `gitlab ${one.name}`, port: open(one) }));
  };
};

const KINDS = [gitSources, gitlabSources];

export const sourceRegistry = (needs: SourceNeeds): OpenSources => {
  const kinds = KINDS.map((kind) => kind(needs));
  return async (asked) => (await Promise.all(kinds.map((open) => open(asked)))).flat();
};
