/** From the configuration of GitLabs to their sources. */
import type { Config, SourceOptions } from '../../config/schema.ts';
import { messageOf, StopFlow } from '../../errors.ts';
import type { Finding, Time } from '../../ports.ts';
import { readPlainFile } from '../../runtime/plain-file.ts';
import { systemTime } from '../../runtime/time.ts';
import type { BlobCache } from '../blob-cache.ts';
import { gitlabChecks } from './checks.ts';
import { gitlabSource } from './gitlab.ts';
import type { ManagedGitlab } from './managed.ts';
import { type Pace, paceOf } from './pace.ts';
import type { Scope } from './projects.ts';
import { requests as requestsOf } from './requests.ts';

type GitlabOptions = NonNullable<SourceOptions['gitlab']>;

/** What the sources of all pipelines of a process have in common. */
export interface InstanceNeeds {
  readonly time: Time;
  /** Files that are larger are not indexed. */
  readonly fileBytes: number;
  readonly cache: BlobCache;
  readonly webhooks: Config['webhooks'];
  /** The archive of a project cannot be used, and its files are fetched one by one. */
  readonly onArchiveTrouble: (instance: string, project: string, error: string) => void;
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

/** Of each server one pace, however many sources of however many pipelines ask it. */
export const gitlabOpener = ({ time, fileBytes, cache, webhooks, onArchiveTrouble }: InstanceNeeds) => {
  const paces = new Map<string, Pace>();
  const paceFor = ({ url, requestsPerMinute, requestsAtOnce }: GitlabOptions): Pace => {
    const { origin } = new URL(url);
    const known = paces.get(origin) ?? paceOf({ perMinute: requestsPerMinute, parallel: requestsAtOnce, time });
    paces.set(origin, known);
    return known;
  };
  return (options: GitlabOptions): ManagedGitlab => {
    const { name, url, groups, projects, refs, archived, wikis } = options;
    const token = tokenOf(options);
    return gitlabSource({
      ...{ name, url, token, cache, time, webhooks, maxBlobBytes: fileBytes },
      scope: { groups, projects, refs, archived, wikis },
      requests: requestsOf({ url, token, pace: paceFor(options), time }),
      onTrouble: (project, error) => onArchiveTrouble(name, project, error),
    });
  };
};

/** Before there is a configuration. */
export const checkGitlab = async (
  options: Pick<Scope, 'groups' | 'projects'> & { readonly url: string; readonly token: string },
): Promise<readonly Finding[]> => {
  const { url, groups, projects } = options;
  const [token, time] = [async () => options.token, systemTime];
  const requests = requestsOf({ url, token, time, pace: paceOf({ perMinute: 600, parallel: 4, time }) });
  try {
    return await gitlabChecks({ requests, token, time, scope: { groups, projects } })();
  } finally {
    requests.close();
  }
};
