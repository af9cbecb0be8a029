/** From what the configuration says to what kafkajs wants: certificates are read here, and tokens are asked for. */
import type { SASLOptions } from 'kafkajs';
import { z } from 'zod';
import type { Config } from '../../config/schema.ts';
import { BadConfiguration, maskedText, messageOf } from '../../errors.ts';
import { readPlainFile } from '../../runtime/plain-file.ts';
import { SECOND } from '../../units.ts';
import type { KafkaSecurity } from './client.ts';

type KafkaConfig = Extract<Config['log'], { kind: 'kafka' }>;
type Sasl = NonNullable<KafkaConfig['sasl']>;

const TOKEN_MS = 10 * SECOND;
const tokenSchema = z.object({ access_token: z.string().min(1) });

export const kafkaSecurity = async ({ tls, sasl }: Pick<KafkaConfig, 'tls' | 'sasl'>): Promise<KafkaSecurity> => ({
  ...(tls ? { ssl: await connectionOptions(tls) } : {}),
  ...(sasl ? { sasl: saslOptions(sasl) } : {}),
});

const connectionOptions = async ({ ca, cert, key, passphrase }: NonNullable<KafkaConfig['tls']>) => {
  if ((cert === undefined) !== (key === undefined))
    throw new BadConfiguration('log.tls: cert and key belong together, and only one of them is given');
  return {
    ...(ca === undefined ? {} : { ca: [await pem('ca', ca)] }),
    ...(cert === undefined ? {} : { cert: await pem('cert', cert) }),
    ...(key === undefined ? {} : { key: await pem('key', key) }),
    ...(passphrase === undefined ? {} : { passphrase }),
  };
};

const pem = async (option: string, path: string): Promise<string> => {
  try {
    return await readPlainFile(path);
  } catch (cause) {
    throw new BadConfiguration(`log.tls.${option}: ${messageOf(cause)}`, { cause });
  }
};

const saslOptions = (sasl: Sasl): SASLOptions => {
  if (sasl.kind !== 'oauthbearer') return { mechanism: sasl.kind, username: sasl.username, password: sasl.password };
  return { mechanism: 'oauthbearer', oauthBearerProvider: async () => ({ value: await tokenOf(sasl) }) };
};

/** Asked for at each connection, since kafkajs says who we are anew before a token has run out. */
const tokenOf = async (of: Extract<Sasl, { kind: 'oauthbearer' }>): Promise<string> => {
  const { tokenUrl, clientId, clientSecret, scope } = of;
  const credentials = Buffer.from(`${encodeURIComponent(clientId)}:${encodeURIComponent(clientSecret)}`);
  const response = await fetch(tokenUrl, {
    method: 'POST',
    headers: { authorization: `Basic ${credentials.toString('base64')}` },
    body: new URLSearchParams({ grant_type: 'client_credentials', ...(scope === undefined ? {} : { scope }) }),
    signal: AbortSignal.timeout(TOKEN_MS),
  });
  const body = await response.text();
  if (!response.ok) throw new Error(`${maskedText(tokenUrl)} gives no token: ${response.status}`);
  return tokenSchema.parse(JSON.parse(body)).access_token;
};
