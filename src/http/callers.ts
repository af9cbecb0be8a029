/** Who asks: the token says, and with it what may be asked and of which projects there is an answer. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { TOKEN_SCOPES, TokenOptions } from '../config/schema.ts';
import { type NamedServer, userOf } from '../config/user.ts';
import type { Hosted } from '../pipeline/host.ts';
import { type MayRead, mayReadNamed } from '../search/access.ts';
import { mayReadAs } from '../search/access-as.ts';

export type TokenScope = (typeof TOKEN_SCOPES)[number];

export interface Caller {
  readonly name: string;
  readonly scopes: ReadonlySet<TokenScope>;
  /** Everything of that pipeline without. */
  mayRead(pipeline: Pick<Hosted, 'parts'>): MayRead | undefined;
}

export type CallerOf = (authorization: string | undefined) => Caller | undefined;

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

/** `servers` are those of all pipelines, as a token is for any of them. */
export const callersOf = (tokens: readonly TokenOptions[], servers: readonly NamedServer[]): CallerOf => {
  const known = tokens.map(({ name, token, scopes, ...reader }) => ({
    digest: digest(token),
    caller: { name, scopes: new Set(scopes), mayRead: readerOf(reader, servers) },
  }));
  return (authorization) => {
    const token = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    if (token === undefined) return undefined;
    const given = digest(token);
    // All of them, and digests of one length, so that the time it takes says nothing of any token.
    const matching = known.filter((one) => timingSafeEqual(one.digest, given));
    return matching[0]?.caller;
  };
};

/** Where a token names projects and a user, what both allow. */
const readerOf = (
  { projects, as }: Pick<TokenOptions, 'projects' | 'as'>,
  servers: readonly NamedServer[],
): Caller['mayRead'] => {
  const named = projects.length > 0 ? mayReadNamed(projects) : undefined;
  if (as === undefined) return () => named;
  const user = userOf(as, servers);
  return (pipeline) => {
    const theirs = mayReadAs(pipeline.parts, user);
    return named ? async (asked) => theirs(await named(asked)) : theirs;
  };
};
