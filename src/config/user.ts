/** A user of GitLab as a person names one. The same name on another server is somebody else. */
import { BadUsage } from '../errors.ts';
import { alternatives } from './options.ts';

export interface User {
  readonly name: string;
  /** Of the server that knows the user, as `serverOf` writes it. */
  readonly server: string;
}

export interface NamedServer {
  readonly name: string;
  readonly url: string;
}

/** GitLab allows no other characters, so that `@` can only stand before the instance. */
const WRITTEN = /^(?<user>[A-Za-z0-9_.][A-Za-z0-9_.-]{0,254})(?:@(?<instance>[A-Za-z0-9][A-Za-z0-9._-]*))?$/;

/** Two sources with one URL are one server, whatever they are called. */
export const serverOf = (url: string): string => {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname.replace(/\/+$/, '')}`;
};

/** From `jane` or `jane@main`. Throws `BadUsage` unless that is a user of exactly one of the servers. */
export const userOf = (written: string, gitlabs: readonly NamedServer[]): User => {
  const { user, instance } = WRITTEN.exec(written)?.groups ?? {};
  if (user === undefined)
    throw new BadUsage(`expected a user of GitLab, as "jane" or "jane@instance", got "${written}"`);
  const names = [...new Set(gitlabs.map(({ name }) => name))];
  if (names.length === 0)
    throw new BadUsage(`expected a GitLab among the sources that knows the user, got "${written}" and no GitLab`);
  const meant = gitlabs.filter(({ name }) => instance === undefined || name === instance);
  const [server, other] = new Set(meant.map(({ url }) => serverOf(url)));
  const suggested = alternatives(names.map((name) => `"${user}@${name}"`));
  if (server === undefined)
    throw new BadUsage(`expected an instance that is configured: ${suggested}, got "${written}"`);
  if (other === undefined) return { name: user, server };
  if (instance === undefined)
    throw new BadUsage(
      `expected the instance too, as a user of one GitLab is somebody else on another: ${suggested}, got "${written}"`,
    );
  throw new BadUsage(
    `expected one GitLab that is called "${instance}", and there are ${server} and ${other}: give each a \`name\` of its own, got "${written}"`,
  );
};
