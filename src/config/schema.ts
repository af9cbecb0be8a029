/**
 * `tidemark.yaml`, as one schema: what may stand there, what it means, what holds without it. The types, the errors and
 * `docs/configuration.md` all come from here. Reading it is `config/load.ts`.
 */
import { z } from 'zod';
import { globProblem } from '../paths/glob.ts';
import { isBranchName } from '../paths/ref-selection.ts';
import { DEFAULT_SELECTION } from '../paths/selection.ts';
import { GIB, MIB } from '../units.ts';
import { embedderSchema } from './embedder.ts';
import {
  choice,
  file,
  filePatterns,
  flag,
  MAX_PATTERN_CHARS,
  option,
  pattern,
  patterns,
  secret,
  size,
  text,
  url,
  urlWithUser,
  whole,
} from './options.ts';
import { rerankerSchema } from './reranker.ts';

/** Names end up in keys, topics and collections, so they hold nothing that one of those refuses or reads otherwise. */
const sourceName = () => pattern(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'a name of letters, digits, ".", "_" and "-"');
export const PIPELINE_NAME_WORDS = 'a name of at most 60 small letters, digits and "-" inside';
const pipelineName = pattern(/^[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?$/, PIPELINE_NAME_WORDS);

const refs = (otherwise: string) =>
  option(
    patterns(
      isBranchName,
      `a branch as git may call it, of at most ${MAX_PATTERN_CHARS} characters, in which \`*\` is any run of characters`,
    ).default([]),
    `Branches to index, by name or pattern, in which \`*\` is any run of characters. An empty list is ${otherwise}, also when that changes.`,
    { example: ['main', 'release/*'] },
  );

const git = z.strictObject({
  name: option(sourceName().optional(), "The source's name: the project's name in every answer.", {
    otherwise: "the directory's name",
    example: 'handbook',
  }),
  path: option(
    text().default('.'),
    'Any repository that the git program can read. Relative to the file that says so; without a file, to the current directory.',
    { example: '../handbook', reaches: 'place' },
  ),
  refs: refs('the one that HEAD names'),
  pollMs: option(whole(50, 3_600_000).default(500), 'How often its refs are looked at.', { example: 5000 }),
});

const gitlab = z.strictObject({
  name: option(sourceName().default('main'), 'The name of the instance, in every answer. `git` is taken.', {
    example: 'intern',
  }),
  url: option(url('https', 'http').default('https://gitlab.com'), 'Where it answers.', {
    example: 'https://gitlab.example.com',
  }),
  token: option(secret().optional(), 'An access token with `read_api` and `read_repository`.', {
    otherwise: 'none: public projects only',
    example: '${GITLAB_TOKEN}',
  }),
  tokenFile: option(
    file().optional(),
    'A file that holds the token, and is read anew for every request, so that it can be replaced at any time. Relative to the file that says so. Goes before `token`.',
    { otherwise: 'none', example: '/run/secrets/gitlab-token' },
  ),
  groups: option(z.array(text()).default([]), 'Groups whose projects are indexed, with their subgroups.', {
    example: ['team', 'team/platform'],
  }),
  projects: option(z.array(text()).default([]), 'Single projects, by path or id.', { example: ['team/website'] }),
  refs: refs('the default branch'),
  wikis: option(
    z.boolean().default(false),
    "Whether the projects' wikis are indexed too, each as the ref `.wiki`. A wiki for members alone makes the whole project one for members alone in `search --as`.",
    { example: true },
  ),
  archived: option(z.boolean().default(true), 'Whether archived projects are indexed.', { example: false }),
  requestsPerMinute: option(
    whole(1, 1_000_000).default(1_200),
    'Requests that this process sends in a minute; less where the server says that it allows less. All pipelines of an instance share it.',
    { example: 300 },
  ),
  requestsAtOnce: option(whole(1, 256).default(8), 'And how many at a time.', { example: 4 }),
});

const source = z.strictObject({
  git: option(git.optional(), 'A plain repository, local or wherever the git program reaches.'),
  gitlab: option(gitlab.optional(), 'Projects and groups of a GitLab server.'),
});

const pipeline = z.strictObject({
  sources: option(
    z
      .array(source)
      .min(1)
      .default([{ git: { path: '.', refs: [], pollMs: 500 } }]),
    'Where documents come from.',
    { otherwise: 'one `git` source, the current directory', example: [{ git: { path: '../handbook' } }] },
  ),
  include: option(filePatterns().default([...DEFAULT_SELECTION.include]), 'Files to index, as in a `.gitignore`.', {
    example: ['docs/**'],
  }),
  exclude: option(
    filePatterns().default([...DEFAULT_SELECTION.exclude]),
    'Files to leave out of those, as in a `.gitignore`. Replaces the default, which leaves out vendored, built, generated and minified files and lock files.',
    { example: ['vendor/', '*.min.js'] },
  ),
  chunk: option(
    z
      .strictObject({
        tokens: option(
          whole(16, 8192).default(256),
          'The longest chunk, in the tokens of the embedder; never more than the embedder takes.',
          { example: 512 },
        ),
      })
      .prefault({}),
    'How texts are cut.',
  ),
  embedder: option(embedderSchema.prefault({ kind: 'static' }), 'What turns chunks into vectors.', {
    example: { kind: 'transformers', model: 'Xenova/all-MiniLM-L6-v2' },
  }),
  reranker: option(rerankerSchema.optional(), 'A cross-encoder that has the last word on the order of hybrid hits.', {
    otherwise: 'none',
    example: { kind: 'tei', url: 'http://tei:8080' },
  }),
  topics: option(
    pattern(/^[A-Za-z0-9][A-Za-z0-9._-]{0,150}$/, 'letters, digits, ".", "_" and "-"').optional(),
    'What the names of its topics and consumer groups start with.',
    { otherwise: '`tidemark.<pipeline>`', example: 'search.docs' },
  ),
  alias: option(
    pattern(/^[A-Za-z0-9][A-Za-z0-9_-]{0,150}$/, 'letters, digits, "_" and "-"').optional(),
    'The alias of its collection, and what the names of its collections start with.',
    { otherwise: '`tidemark-<pipeline>`', example: 'docs' },
  ),
});

const kafkaTls = z.strictObject({
  ca: option(
    file().optional(),
    "A file with the certificates that the brokers' are signed with. Relative to the file that says so.",
    {
      otherwise: 'those that Node trusts',
      example: '/etc/tidemark/ca.pem',
    },
  ),
  cert: option(file().optional(), 'A file with our certificate, where brokers ask for one.', {
    otherwise: 'none',
    example: '/etc/tidemark/client.pem',
  }),
  key: option(file().optional(), 'A file with its key.', { otherwise: 'none', example: '/etc/tidemark/client.key' }),
  passphrase: option(secret().optional(), 'What the key is locked with.', {
    otherwise: 'none',
    example: '${KAFKA_KEY_PASSPHRASE}',
  }),
});

const GIVEN = 'none: it has to be given';
const username = () => option(text(), 'The user.', { otherwise: GIVEN, example: 'tidemark' });
const password = () => option(secret(), 'Its password.', { otherwise: GIVEN, example: '${KAFKA_PASSWORD}' });

const kafkaSasl = z.discriminatedUnion('kind', [
  z
    .strictObject({
      kind: option(z.literal('plain'), 'User and password as they are. Only with TLS.'),
      username: username(),
      password: password(),
    })
    .meta({ description: 'User and password as they are. Only with TLS.' }),
  z
    .strictObject({
      kind: option(z.literal('scram-sha-256'), 'A password that is not sent.'),
      username: username(),
      password: password(),
    })
    .meta({ description: 'A password that is not sent.' }),
  z
    .strictObject({
      kind: option(z.literal('scram-sha-512'), 'A password that is not sent.'),
      username: username(),
      password: password(),
    })
    .meta({ description: 'A password that is not sent.' }),
  z
    .strictObject({
      kind: option(z.literal('oauthbearer'), 'A token of an identity provider.'),
      tokenUrl: option(url('https', 'http'), 'Where a token is asked for.', {
        otherwise: GIVEN,
        example: 'https://id.example.com/oauth2/token',
      }),
      clientId: option(text(), 'The client, by its id.', { otherwise: GIVEN, example: 'tidemark' }),
      clientSecret: option(secret(), 'Its secret.', { otherwise: GIVEN, example: '${KAFKA_CLIENT_SECRET}' }),
      scope: option(text().optional(), 'What the token is to be good for.', {
        otherwise: 'what the provider gives',
        example: 'kafka',
      }),
    })
    .meta({ description: 'A token of an identity provider, by client credentials.' }),
]);

const days = (otherwise: number, what: string) =>
  option(whole(1, 3650).default(otherwise), `How many days ${what} are kept.`, { example: 2 * otherwise });

const kafkaTopics = z.strictObject({
  create: option(
    z.boolean().default(true),
    'Whether missing topics are made. `tidemark topics print` has the commands for whoever makes them otherwise.',
    { example: false },
  ),
  partitions: option(
    whole(1, 1000).optional(),
    'Partitions of each topic, which bound how many processes share a flow. Topics that are there have to have as many.',
    { otherwise: '12 for a topic that is made, and whatever the others have', example: 6 },
  ),
  replication: option(whole(1, 9).optional(), 'On how many brokers each partition stands.', {
    otherwise: '3, or as many brokers as there are',
    example: 3,
  }),
  eventsDays: days(7, 'events'),
  changesDays: days(14, 'changes'),
  deadLettersDays: days(30, 'dead letters'),
  tombstonesDays: days(30, 'deletions in the compacted topic'),
});

const log = z.discriminatedUnion('kind', [
  z
    .strictObject({ kind: option(z.literal('embedded'), 'A log in the data directory.') })
    .meta({ description: 'In the data directory, for one process. Needs nothing, and has no options.' }),
  z
    .strictObject({
      kind: option(z.literal('kafka'), 'Apache Kafka.'),
      brokers: option(
        z
          .array(pattern(/^[^\s:]+:\d+$|^\[[^\s\]]+\]:\d+$/, 'host:port').meta({ reaches: 'host' }))
          .min(1)
          .default(['localhost:9092']),
        'Brokers to ask first, as host:port. `TIDEMARK_KAFKA_BROKERS`, separated by commas, goes before.',
        { example: ['kafka-1:9092', 'kafka-2:9092'] },
      ),
      tls: option(kafkaTls.optional(), 'Encrypts, and proves who we are where a certificate is given.', {
        otherwise: 'no TLS; `tls: {}` trusts what Node trusts',
      }),
      sasl: option(kafkaSasl.optional(), 'How we say who we are.', {
        otherwise: 'nobody asks',
        example: { kind: 'scram-sha-512', username: 'tidemark', password: '${KAFKA_PASSWORD}' },
      }),
      clientId: option(text().default('tidemark'), "What the broker's logs and quotas call us.", {
        example: 'tidemark-docs',
      }),
      compression: option(
        z.enum(['gzip', 'none']).default('gzip').meta({ expected: 'gzip or none' }),
        'How records are written. All codecs are read.',
        {
          example: 'none',
        },
      ),
      sessionSeconds: option(
        whole(6, 1800).default(30),
        'How long a process may be silent before its partitions go to others.',
        { example: 10 },
      ),
      topics: option(kafkaTopics.prefault({}), 'How topics are made, and what is expected of those that are there.'),
    })
    .meta({ description: 'Apache Kafka, for any number of processes.' }),
]);

const store = z.discriminatedUnion('kind', [
  z
    .strictObject({ kind: option(z.literal('embedded'), 'A store in the data directory.') })
    .meta({ description: 'In the data directory, for one process. Needs nothing, and has no options.' }),
  z
    .strictObject({
      kind: option(z.literal('qdrant'), 'Qdrant.'),
      url: option(
        urlWithUser('http', 'https').default('http://localhost:6333'),
        'Where it answers; on port 6333 where the URL names none. `TIDEMARK_QDRANT_URL` goes before.',
        { example: 'https://qdrant.example.com:6333' },
      ),
      apiKey: option(secret().optional(), 'Its API key. `TIDEMARK_QDRANT_API_KEY` goes before.', {
        otherwise: 'none',
        example: '${QDRANT_API_KEY}',
      }),
      timeoutSeconds: option(whole(1, 3600).default(60), 'How long a request may take before it is repeated.', {
        example: 120,
      }),
      shards: option(
        whole(1, 1000).default(1),
        'Shards of each new generation. More than one pays off on several nodes.',
        { example: 3 },
      ),
      replication: option(
        whole(1, 100).default(1),
        'Copies of each shard. With more than one, writes go by the leader of the shard and reads ask most of the copies.',
        { example: 2 },
      ),
      onDisk: option(
        flag().default(false),
        'Keeps the vectors, their index and the large payload indexes of new generations on disk: less memory, slower search.',
        { example: true },
      ),
      quantization: option(
        choice('none', 'scalar', 'binary').default('none'),
        'Keeps short forms of the vectors of new generations in memory; goes well with `onDisk`. `binary` is for 1024 dimensions and more.',
        { example: 'scalar' },
      ),
      deferIndexing: option(
        flag().default(false),
        'Fills a new generation first and indexes it then, before it is activated: pays off when embedding is faster than indexing.',
        { example: true },
      ),
      exact: option(
        flag().default(false),
        'Searches every vector instead of the index: nothing is missed, and it is slow.',
        {
          example: true,
        },
      ),
    })
    .meta({ description: 'Qdrant, for any number of processes.' }),
]);

export const TOKEN_SCOPES = ['search', 'status', 'metrics'] as const;
/** Figures are of all that is indexed, so that a token is for them only where that is said. */
const DEFAULT_SCOPES: readonly (typeof TOKEN_SCOPES)[number][] = ['search', 'status'];

const token = z.strictObject({
  name: option(text(), 'Whose it is: what logs and metrics say of it.', {
    otherwise: 'none: it has to be said',
    example: 'agents',
  }),
  token: option(secret().min(16), 'What is sent as `Authorization: Bearer`. At least 16 characters.', {
    reaches: 'caller',
    otherwise: 'none: it has to be said',
    example: '${TIDEMARK_TOKEN}',
  }),
  scopes: option(
    z.array(z.enum(TOKEN_SCOPES).meta({ expected: TOKEN_SCOPES.join(' or ') })).default([...DEFAULT_SCOPES]),
    'What may be asked with it: `search` is to search and to read; `status` also opens the page `/status`; `metrics` are the figures of all projects, whatever `projects` and `as` say.',
    { example: ['search'] },
  ),
  projects: option(
    patterns(
      (glob) => globProblem(glob) === undefined,
      `a glob of at most ${MAX_PATTERN_CHARS} characters, with at most 200 alternatives in \`{}\`, at most 10 deep`,
    ).default([]),
    'The projects that it is told of, by path or glob, or as `instance:path`. A group stands for all below it. An empty list is all.',
    { example: ['team', 'docs/*'] },
  ),
  as: option(
    text().optional(),
    'A user of GitLab, by name, and where there are several GitLabs by name and instance, as `jane@main`: it is told of what this user may read there, as with `search --as`, and of nothing on another GitLab or in a plain repository. With `projects` too, of what both allow.',
    { otherwise: 'nobody in particular', example: 'jane' },
  ),
});

const limits = z.strictObject({
  window: option(
    z
      .strictObject({
        records: option(whole(1, 100_000).default(400), 'Deliveries that a flow has out at once.', { example: 500 }),
        bytes: option(size(64 * 1024, 1024 * MIB).default(8 * MIB), 'And their bytes together.', { example: '32 MiB' }),
      })
      .prefault({}),
    'How much each flow holds. A single record that is larger than that goes alone.',
  ),
  fileBytes: option(size(1024, 1024 * MIB).default(16 * MIB), 'A larger file is skipped as `too_large`.', {
    example: '4 MiB',
  }),
  textBytes: option(size(1024, 64 * MIB).default(4 * MIB), 'A longer text is skipped as `text_too_large`.', {
    example: '1 MiB',
  }),
  parallel: option(
    z
      .strictObject({
        plan: option(whole(1, 256).default(4), 'Projects planned side by side.', { example: 8 }),
        collect: option(whole(1, 1024).default(64), 'Documents fetched and converted side by side.', { example: 32 }),
        index: option(whole(1, 1024).default(128), 'Documents chunked, embedded and applied side by side.', {
          example: 64,
        }),
      })
      .prefault({}),
    'How much each flow does at once.',
  ),
  batch: option(
    z
      .strictObject({
        blobs: option(whole(1, 10_000).default(64), 'Blobs asked for at once.', { example: 128 }),
        texts: option(whole(1, 10_000).default(64), 'Chunks embedded at once.', { example: 16 }),
        tokens: option(
          whole(16, 10_000_000).default(65_536),
          'And their tokens together, by the upper bound that costs nothing.',
          { example: 8192 },
        ),
      })
      .prefault({}),
    'How much goes into one call.',
  ),
  blobCache: option(
    size(0, 1024 * GIB).default(2048 * MIB),
    'Blobs of GitLab that are kept on disk in the data directory, so that none is fetched twice. Those used longest ago give way.',
    { example: '10 GiB' },
  ),
  secrets: option(
    z.enum(['redact', 'skip', 'index']).default('redact').meta({ expected: 'redact, skip or index' }),
    'What becomes of a file with what looks like a secret, such as a key, a token or a password: the secret is left out (redact), the file is (skip), or nothing is (index). The ledger says so. A file that takes too long to look at is skipped as `secret`, unless nothing is looked for.',
    { example: 'skip' },
  ),
  convertSeconds: option(whole(1, 3600).default(30), 'How long one document may take to convert or to chunk.', {
    example: 120,
  }),
  convertHeap: option(size(16 * MIB, 16 * 1024 * MIB).default(256 * MIB), 'And the memory that it may take.', {
    example: '1 GiB',
  }),
  retryMinutes: option(
    whole(0, 10_080).default(15),
    'How long one item is tried again, while its dependency answers others, before it becomes a dead letter.',
    { example: 60 },
  ),
  budget: option(
    z
      .strictObject({
        tokens: option(
          whole(0, Number.MAX_SAFE_INTEGER).optional(),
          'Tokens that a pipeline may embed in a day (UTC), in all processes together, by the upper bound that costs nothing.',
          { otherwise: 'without a bound', example: 50_000_000 },
        ),
      })
      .prefault({}),
    'What embedding may cost. When it is used up the flows stop and say so; nothing is lost, and the next start goes on.',
  ),
  backfillChanges: option(
    whole(0, 1_000_000).default(500),
    'A difference of more changes than that goes by the backfill lane, whoever asked for it.',
    { example: 2000 },
  ),
});

const metricsPort = z.strictObject({
  host: option(text().default('127.0.0.1'), 'The address that figures are given on.', { example: '0.0.0.0' }),
  port: option(whole(0, 65_535).default(9464), 'And its port; 0 takes any that is free.', { example: 9100 }),
});

export const configSchema = z.strictObject({
  pipelines: option(
    z.record(pipelineName, pipeline).prefault({ default: {} }),
    'What is kept in step with what, by name. Names of topics and collections follow from it.',
    { otherwise: 'one pipeline, `default`' },
  ),
  log: option(log.prefault({ kind: 'embedded' }), 'What carries records. `TIDEMARK_LOG` goes before, with the kind.', {
    example: { kind: 'kafka', brokers: ['kafka:9092'] },
  }),
  store: option(
    store.prefault({ kind: 'embedded' }),
    'What holds points, ledger and state. `TIDEMARK_STORE` goes before, with the kind.',
    { example: { kind: 'qdrant', url: 'http://qdrant:6333' } },
  ),
  data: option(
    text().optional(),
    'The directory of what is embedded, of the user that Tidemark runs as: others may not write to it, and git may not track it. Relative to the file that says so. `TIDEMARK_DATA` goes before, relative to the current directory.',
    {
      otherwise: '`.tidemark` at the top of the current repository',
      example: '/var/lib/tidemark',
      reaches: 'place',
    },
  ),
  http: option(
    z
      .strictObject({
        host: option(text().default('127.0.0.1'), 'The address that the service listens on.', {
          example: '0.0.0.0',
          reaches: 'host',
        }),
        port: option(
          whole(0, 65_535).default(7717),
          'And its port; 0 takes any that is free. `TIDEMARK_HTTP_PORT` goes before.',
          { example: 8080 },
        ),
        hosts: option(
          z.array(text().meta({ reaches: 'host' })).default([]),
          'Names under which it is reached, if not by localhost; requests for others are refused. Without any, a service that listens on more than the loopback answers to every name.',
          { example: ['tidemark.example.com'] },
        ),
        origins: option(
          z.array(text().meta({ reaches: 'host' })).default([]),
          'Web pages that may ask, by origin. Pages of localhost always may, others never.',
          { example: ['https://tools.example.com'] },
        ),
        tokens: option(
          z.array(token).default([]),
          'Who may use the API, MCP and `/status`. Without any it is whoever can read the file `api-token` in the data directory, and on the loopback `/status` asks nobody.',
          { example: [{ name: 'agents', token: '${TIDEMARK_TOKEN}', projects: ['team'] }] },
        ),
        metrics: option(
          metricsPort.optional(),
          'A port of its own for `/metrics`, which asks nobody for a token there.',
          {
            otherwise:
              'none: `/metrics` is on `http.port`, free on the loopback and elsewhere for a token of the scope `metrics`',
            example: { host: '0.0.0.0', port: 9464 },
          },
        ),
      })
      .prefault({}),
    'Health, metrics, status, the API and the receiver of webhooks.',
  ),
  webhooks: option(
    z
      .strictObject({
        secrets: option(
          z.array(secret().min(1).meta({ reaches: 'caller' })).default([]),
          'Secrets that a webhook may bear. Several, so that one can be replaced without a gap.',
          { example: ['${GITLAB_WEBHOOK_SECRET}'] },
        ),
        url: option(
          urlWithUser('https', 'http').optional(),
          'Where GitLab reaches the receiver, for `tidemark gitlab hooks`.',
          { otherwise: 'none', example: 'https://tidemark.example.com/webhooks/gitlab' },
        ),
      })
      .prefault({}),
    'What `POST /webhooks/gitlab` accepts. Without a secret it accepts nothing.',
  ),
  limits: option(limits.prefault({}), 'What bounds memory, time and load.'),
});

export type Config = z.output<typeof configSchema>;
export type PipelineOptions = z.output<typeof pipeline>;
export type TokenOptions = z.output<typeof token>;
export type SourceOptions = z.output<typeof source>;
export type Limits = z.output<typeof limits>;
