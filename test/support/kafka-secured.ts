/** A real Kafka that lets in whom it knows: by a name (SASL) over TLS, or by a certificate. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { fromJars, missingOf } from './kafka-broker.ts';
import type { RealServer } from './servers.ts';

const run = promisify(execFile);

export const USER = 'tidemark';
export const PASSWORD = 'open-sesame';

/** What its address says, as JSON. */
export interface Secured {
  readonly sasl: string;
  readonly mutual: string;
  /** Of `ca.pem`; of `client.pem` and `client.key`, which it has signed; of `stranger.pem` and `stranger.key`, which nobody has. */
  readonly certificates: string;
}

/** Resolves to the reason where there is none to be had. */
export const findSecuredKafka = async (): Promise<RealServer | { readonly missing: string }> => {
  const missing = await missingOf(['java', 'mvn', 'openssl']);
  if (missing.length > 0) return { missing: `there is no ${missing.join(' and no ')}` };
  const certificates = await mkdtemp(join(tmpdir(), 'tidemark-certificates-'));
  await makeCertificates(certificates);
  const login = 'org.apache.kafka.common.security';
  const scrams = ['SCRAM-SHA-256', 'SCRAM-SHA-512'];
  const asks = Object.entries({
    plain: `plain.PlainLoginModule required user_${USER}="${PASSWORD}";`,
    oauthbearer: 'oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub="broker";',
    ...Object.fromEntries(scrams.map((name) => [name.toLowerCase(), 'scram.ScramLoginModule required;'])),
  });
  const { stop, ports, what } = await fromJars({
    listeners: { SECURED: 'SASL_SSL', MUTUAL: 'SSL' },
    settings: {
      'ssl.keystore.type': 'PEM',
      'ssl.keystore.location': join(certificates, 'broker.pem'),
      'ssl.truststore.type': 'PEM',
      'ssl.truststore.location': join(certificates, 'ca.pem'),
      'listener.name.mutual.ssl.client.auth': 'required',
      'listener.name.secured.sasl.enabled.mechanisms': ['PLAIN', 'OAUTHBEARER', ...scrams].join(','),
      ...Object.fromEntries(
        asks.map(([name, module]) => [`listener.name.secured.${name}.sasl.jaas.config`, `${login}.${module}`]),
      ),
    },
    format: scrams.flatMap((name) => ['--add-scram', `${name}=[name=${USER},password=${PASSWORD}]`]),
  });
  const at = (name: string) => `127.0.0.1:${ports.get(name)}`;
  return {
    address: JSON.stringify({ sasl: at('SECURED'), mutual: at('MUTUAL'), certificates } satisfies Secured),
    what,
    async stop(failed) {
      await stop(failed);
      await rm(certificates, { recursive: true });
    },
  };
};

/** An authority, the broker and a client that it has signed, and a stranger. */
const makeCertificates = async (directory: string): Promise<void> => {
  const openssl = (...args: string[]) => run('openssl', args, { cwd: directory });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const request = (name: string, ...args: string[]) =>
    openssl('req', ...key, '-keyout', `${name}.key`, '-subj', `/CN=${name}`, ...args);
  for (const alone of ['ca', 'stranger']) await request(alone, '-x509', '-days', '2', '-out', `${alone}.pem`);
  await writeFile(join(directory, 'names'), 'subjectAltName=IP:127.0.0.1\n');
  for (const [at, name] of ['broker', 'client'].entries()) {
    await request(name, '-out', `${name}.request`);
    const signed = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-set_serial', `${at + 1}`, '-days', '2'];
    await openssl('x509', '-req', '-in', `${name}.request`, ...signed, '-extfile', 'names', '-out', `${name}.pem`);
  }
  const both = await Promise.all(['broker.key', 'broker.pem'].map((file) => readFile(join(directory, file), 'utf8')));
  await writeFile(join(directory, 'broker.pem'), both.join(''));
};
