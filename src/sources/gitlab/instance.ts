/** From the configuration of one GitLab to its source, and to what else is asked of that server. */
import type { Config, SourceOptions } from '../../config/schema.ts';
import { messageOf, StopFlow } from '../../errors.ts';
import { refSelection } from '../../paths/ref-selection.ts';
import type { Time } from '../../ports.ts';
import { readPlainFile } from '../../runtime/plain-file.ts';
import { systemTime } from '../../runtime/time.ts';
import type { BlobCache } from '../blob-cache.ts';
import { gitlabApi } from './api.ts';
import { type GitlabFinding, gitlabChecks } from './checks.ts';
import { type GitlabSource, gitlabSource } from './gitlab.ts';
import { type GitlabHooks, gitlabHooks } from './hooks.ts';
import { type Pace, paceOf } from './pace.ts';
import { isNamed, type Scope } from './projects.ts';
import { gitlabReaders, type Readers } from './readers.ts';
import { requests as requestsOf } from './requests.ts';

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
  /** What the token may do of what the configuration asks. */
  check(): Promise<readonly GitlabFinding[]>;
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
      return (await readPlainFile(tokenFile)).trim();
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
  const hooks = gitlabHooks(requests);
  const leading = webhooks.url === undefined ? {} : { hooks: { port: hooks, url: webhooks.url } };
  return {
    ...{ name, url, scope, webhooks, hooks },
    source: gitlabSource({ name, url, scope, token, requests, ...needs }),
    readers: gitlabReaders(gitlabApi(requests, url), needs.time),
    check: gitlabChecks({ requests, token, scope, time: needs.time, ...leading }),
    names: ({ project, path = '' }) => isNamed(scope, { id: project, path }),
    mayTrack: (ref, standard) => (refs.length > 0 ? named(ref) : standard === undefined || standard === ref),
  };
};

/** Before there is a configuration. */
export const checkGitlab = async (
  options: Pick<Scope, 'groups' | 'projects'> & { readonly url: string; readonly token: string },
): Promise<readonly GitlabFinding[]> => {
  const { url, groups, projects } = options;
  const [token, time] = [async () => options.token, systemTime];
  const requests = requestsOf({ url, token, time, pace: paceOf({ perMinute: 600, parallel: 4, time }) });
  try {
    return await gitlabChecks({ requests, token, time, scope: { groups, projects } })();
  } finally {
    requests.close();
  }
};
