import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobCache } from '../../src/sources/blob-cache.ts';
import { type GitlabSource, type GitlabSourceOptions, gitlabSource } from '../../src/sources/gitlab/gitlab.ts';
import { paceOf } from '../../src/sources/gitlab/pace.ts';
import { requests } from '../../src/sources/gitlab/requests.ts';
import { MIB } from '../../src/units.ts';
import { realTime } from './git-source.ts';
import { type SimulatedGitlab, TOKEN } from './gitlab/gitlab.ts';

export interface OpenedSource {
  readonly source: GitlabSource;
  /** What was reported and got over. */
  readonly troubles: string[];
  readonly close: () => Promise<void>;
}

type Options = Partial<GitlabSourceOptions> & { readonly perMinute?: number; readonly silenceMs?: number };

export const openGitlab = async (
  { origin }: Pick<SimulatedGitlab, 'origin'>,
  {
    scope,
    perMinute = 60_000,
    silenceMs,
    time = realTime,
    token = async () => TOKEN,
    ...options
  }: Omit<Options, 'scope'> & { scope?: Partial<GitlabSourceOptions['scope']> } = {},
): Promise<OpenedSource> => {
  const directory = await mkdtemp(join(tmpdir(), 'tidemark-blobs-'));
  const troubles: string[] = [];
  const onTrouble = (_: unknown, error: string) => void troubles.push(error);
  const pace = paceOf({ perMinute, parallel: 8, time: realTime });
  const quiet = silenceMs === undefined ? {} : { silenceMs };
  const source = gitlabSource({
    ...{ name: 'main', url: origin, token, maxBlobBytes: 16 * MIB, time, onTrouble },
    scope: { groups: [], projects: [], refs: [], archived: true, wikis: false, ...scope },
    requests: requests({ url: origin, token, pace, time, ...quiet }),
    cache: blobCache({ directory, maxBytes: 64 * MIB, onTrouble: (error) => void troubles.push(String(error)) }),
    ...options,
  });
  return {
    source,
    troubles,
    async close() {
      await source.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
};
