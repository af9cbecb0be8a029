import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { text as textOf } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import type { Config } from '../../../src/config/schema.ts';
import { StopFlow } from '../../../src/errors.ts';
import { kafkaSecurity } from '../../../src/log/kafka/security.ts';
import { PASSWORD, type Secured, USER } from '../../support/kafka-secured.ts';
import { realServer } from '../../support/real-server.ts';
import { allOf, contentOf, text } from '../embedded/support.ts';
import { openLogOn } from './support.ts';

const found = await realServer('Kafka with TLS');
const { sasl, mutual, certificates } = JSON.parse(found ?? '{}') as Secured;
const file = (name: string) => join(certificates, name);

type Options = Parameters<typeof kafkaSecurity>[0];
type Sasl = NonNullable<Extract<Config['log'], { kind: 'kafka' }>['sasl']>;
const named = { username: USER, password: PASSWORD };

const roundTrip = async (address: string, options: Options): Promise<readonly unknown[]> => {
  const topic = { name: `secured.${randomUUID()}`, policy: 'delete', partitions: 1 } as const;
  const log = await openLogOn(address, [topic], await kafkaSecurity(options));
  try {
    await log.append(topic.name, [text('k', 'kept')]);
    return (await allOf(log, topic.name)).map(contentOf);
  } finally {
    await log.close();
  }
};

/** Gives out what a broker for tests takes: tokens that nobody has signed. */
const withTokens = async <T>(work: (url: string, asked: readonly string[]) => Promise<T>): Promise<T> => {
  const asked: string[] = [];
  const part = (of: object) => Buffer.from(JSON.stringify(of)).toString('base64url');
  const server = createServer(async (request, response) => {
    asked.push(`${request.headers.authorization} ${await textOf(request)}`);
    const now = Math.floor(Date.now() / 1_000);
    const access_token = `${part({ alg: 'none' })}.${part({ sub: USER, iat: now, exp: now + 3_600 })}.`;
    response.end(JSON.stringify({ access_token }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}/token`, asked);
  } finally {
    server.close();
    server.closeAllConnections();
  }
};

describe.skipIf(!found)('a Kafka that lets in whom it knows', { timeout: 120_000 }, () => {
  it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)('by a name and a password (%s)', async (kind) => {
    expect(await roundTrip(sasl, { tls: { ca: file('ca.pem') }, sasl: { kind, ...named } })).toEqual(['kept']);
  });

  it('by a token (oauthbearer), which is asked for with the secret', async () => {
    await withTokens(async (tokenUrl, asked) => {
      const of = { kind: 'oauthbearer', tokenUrl, clientId: 'me', clientSecret: 'mine', scope: 'kafka' } satisfies Sasl;
      expect(await roundTrip(sasl, { tls: { ca: file('ca.pem') }, sasl: of })).toEqual(['kept']);
      const basic = Buffer.from('me:mine').toString('base64');
      expect(new Set(asked)).toEqual(new Set([`Basic ${basic} grant_type=client_credentials&scope=kafka`]));
    });
  });

  it('by a certificate', async () => {
    const tls = { ca: file('ca.pem'), cert: file('client.pem'), key: file('client.key') };
    expect(await roundTrip(mutual, { tls })).toEqual(['kept']);
  });

  it.each(['plain', 'scram-sha-512'] as const)(
    'a wrong password is a StopFlow that does not tell it (%s)',
    async (kind) => {
      const wrong = { kind, username: USER, password: 'quite-wrong' };
      const error = await roundTrip(sasl, { tls: { ca: file('ca.pem') }, sasl: wrong }).catch(
        (reason: unknown) => reason,
      );
      expect(error).toBeInstanceOf(StopFlow);
      expect(String(error)).not.toContain('quite-wrong');
    },
  );

  it('a broker that nobody has vouched for is a StopFlow', async () => {
    const tls = { ca: file('stranger.pem') };
    await expect(roundTrip(sasl, { tls, sasl: { kind: 'plain', ...named } })).rejects.toThrow(StopFlow);
  });

  it.each([
    ['none', {}],
    ['one that nobody has signed', { cert: 'stranger.pem', key: 'stranger.key' }],
  ])('where a certificate is asked for, %s is a StopFlow', async (_, own) => {
    const given = Object.fromEntries(Object.entries(own).map(([name, of]) => [name, file(of)]));
    await expect(roundTrip(mutual, { tls: { ca: file('ca.pem'), ...given } })).rejects.toThrow(StopFlow);
  });
});
