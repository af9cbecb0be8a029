/** What a GitLab has beyond its port: its hooks can be made from here, which nothing but `tidemark gitlab hooks` asks for. */
import type { Config } from '../../config/schema.ts';
import type { RepoSource } from '../../ports.ts';
import type { GitlabHooks } from './hooks.ts';
import type { Scope } from './projects.ts';

export interface ManagedGitlab extends RepoSource {
  readonly manage: {
    readonly hooks: GitlabHooks;
    readonly scope: Scope;
    readonly webhooks: Config['webhooks'];
  };
}

export const isGitlab = (port: RepoSource): port is ManagedGitlab => 'manage' in port;
