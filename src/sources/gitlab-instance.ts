/** From the configuration of one GitLab to its source, and to what else is asked of that server. */
import { readFile } from 'node:fs/promises';
import type { SourceOptions } from '../config.ts';
import { messageOf, StopFlow } from '../errors.ts';
import type { Time } from '../ports.ts';
import type { BlobCache } from './blob-cache.ts';
import { type GitlabSource, gitlabSource } from './gitlab.ts';
import type { Pace } from './gitlab-pace.ts';
import { isNamed } from './gitlab-projects.ts';
import { refSelection } from './ref-selection.ts';

export type GitlabOptions = NonNullable<SourceOptions['gitlab']>;

export interface GitlabInstance {
  /** In every key, and in the configuration. */
  readonly name: string;
  readonly url: string;
  readonly source: GitlabSource;
  /** Whether the configuration names the project, by its id or its path, or a group that it is in. */
  names(project: { readonly project: string; readonly path: string | undefined }): boolean;
  /** As far as that can be told without asking. */
  mayTrack(ref: string, defaultBranch: string | undefined): boolean;
}

export interface InstanceNeeds {
  readonly maxBlobBytes: number;
  readonly cache: BlobCache;
  readonly pace: Pace;
  readonly time: Time;
  readonly onTrouble: (project: string, error: string) => void;
}

/** Read for every request: whoever rotates the token replaces the file. */
export const tokenOf =
  ({ token, tokenFile }: Pick<GitlabOptions, 'token' | 'tokenFile'>) =>
  async (): Promise<string | undefined> => {
    if (tokenFile === undefined) return token;
    try {
      return (await readFile(tokenFile, 'utf8')).trim();
    } catch (cause) {
      throw new StopFlow(`read the token from ${tokenFile}: ${messageOf(cause)}`, { cause });
    }
  };

export const openInstance = (options: GitlabOptions, needs: InstanceNeeds): GitlabInstance => {
  const { name, url, groups, projects, refs, archived } = options;
  const scope = { groups, projects, refs, archived };
  const named = refSelection(refs);
  return {
    name,
    url,
    source: gitlabSource({ name, url, scope, token: tokenOf(options), ...needs }),
    names: ({ project, path = '' }) => isNamed(scope, { id: project, path }),
    mayTrack: (ref, standard) => (refs.length > 0 ? named(ref) : standard === undefined || standard === ref),
  };
};
