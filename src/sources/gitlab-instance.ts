/** From the configuration of one GitLab to its source, and to what else is asked of that server. */
import { readFile } from 'node:fs/promises';
import type { Config, SourceOptions } from '../config.ts';
import { messageOf, StopFlow } from '../errors.ts';
import type { Time } from '../ports.ts';
import type { BlobCache } from './blob-cache.ts';
import { type GitlabSource, gitlabSource } from './gitlab.ts';
import { gitlabApi } from './gitlab-api.ts';
import { type GitlabHooks, gitlabHooks } from './gitlab-hooks.ts';
import type { Pace } from './gitlab-pace.ts';
import { isNamed, type Scope } from './gitlab-projects.ts';
import { gitlabReaders, type Readers } from './gitlab-readers.ts';
import { requests as requestsOf } from './gitlab-requests.ts';
import { refSelection } from './ref-selection.ts';

export type GitlabOptions = NonNullable<SourceOptions['gitlab']>;

export interface GitlabInstance {
  /** In every key, and in the configuration. */
  readonly name: string;
  readonly url: string;
  readonly source: GitlabSource;
  readonly scope: Scope;
  readonly webhooks: Config['webhooks'];
  readonly hooks: GitlabHooks;
  readonly readers: Readers;
  /** Whether the configuration names the project, by its id or its path, or a group that it is in. */
  names(project: { readonly project: string; readonly path: string | undefined }): boolean;
  /** As far as that can be told without asking. */
  mayTrack(ref: string, defaultBranch: string | undefined): boolean;
}

export interface InstanceNeeds {
  readonly webhooks: Config['webhooks'];
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

export const openInstance = (options: GitlabOptions, { webhooks, ...needs }: InstanceNeeds): GitlabInstance => {
  const { name, url, groups, projects, refs, archived, wikis } = options;
  const scope = { groups, projects, refs, archived, wikis };
  const named = refSelection(refs);
  const token = tokenOf(options);
  const requests = requestsOf({ url, token, pace: needs.pace, time: needs.time });
  return {
    ...{ name, url, scope, webhooks },
    source: gitlabSource({ name, url, scope, token, requests, ...needs }),
    hooks: gitlabHooks(requests),
    readers: gitlabReaders(gitlabApi(requests, url), needs.time),
    names: ({ project, path = '' }) => isNamed(scope, { id: project, path }),
    mayTrack: (ref, standard) => (refs.length > 0 ? named(ref) : standard === undefined || standard === ref),
  };
};
