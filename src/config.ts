/**
 * `tidemark.yaml`, as one schema: what may stand there, what it means, what holds without it. The types, the errors and
 * `docs/configuration.md` all come from here. Reading it is `config/load.ts`.
 */
import { z } from 'zod';
import { option, pattern, secret, size, text, url, whole } from './config/options.ts';
import { DEFAULT_SELECTION } from './selection.ts';

const MIB = 1024 ** 2;

/** Names end up in keys, topics and collections, so they hold nothing that one of those refuses or reads otherwise. */
const sourceName = () => pattern(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/, 'a name of letters, digits, ".", "_" and "-"');
export const PIPELINE_NAME_WORDS = 'a name of at most 60 small letters, digits and "-" inside';
const pipelineName = pattern(/^[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?$/, PIPELINE_NAME_WORDS);

const refs = option(
  z.array(text()).default([]),
  'Branches to index, by name or pattern, in which `*` is any run of characters. An empty list is the default branch, also when that changes.',
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
    { example: '../handbook' },
  ),
  ref: option(text().optional(), 'The branch to index.', {
    otherwise: 'the one that HEAD names, also when that changes',
    example: 'main',
  }),
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
    text().optional(),
    'A file that holds the token, and is read anew for every request, so that it can be replaced at any time. Relative to the file that says so. Goes before `token`.',
    { otherwise: 'none', example: '/run/secrets/gitlab-token' },
  ),
  groups: option(z.array(text()).default([]), 'Groups whose projects are indexed, with their subgroups.', {
    example: ['team', 'team/platform'],
  }),
  projects: option(z.array(text()).default([]), 'Single projects, by path or id.', { example: ['team/website'] }),
  refs,
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

export const embedderSchema = z.discriminatedUnion('kind', [
  z
    .strictObject({ kind: option(z.literal('static'), 'The built-in model: works offline, at once, by meaning.') })
    .meta({ description: 'The built-in model. Needs nothing, and has no options.' }),
  z
    .strictObject({
      kind: option(z.literal('hash'), 'Feature hashing.'),
      dimensions: option(whole(8, 4096).default(384), 'Numbers a vector.', { example: 256 }),
    })
    .meta({ description: 'Feature hashing, for tests and benchmarks alone: it finds words, not meaning.' }),
]);

const pipeline = z.strictObject({
  sources: option(
    z
      .array(source)
      .min(1)
      .default([{ git: { path: '.', pollMs: 500 } }]),
    'Where documents come from.',
    { otherwise: 'one `git` source, the current directory', example: [{ git: { path: '../handbook' } }] },
  ),
  include: option(z.array(text()).default([...DEFAULT_SELECTION.include]), 'Files to index, as in a `.gitignore`.', {
    example: ['docs/**'],
  }),
  exclude: option(
    z.array(text()).default([...DEFAULT_SELECTION.exclude]),
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
    example: { kind: 'static' },
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

const log = z.discriminatedUnion('kind', [
  z
    .strictObject({ kind: option(z.literal('embedded'), 'A log in the data directory.') })
    .meta({ description: 'In the data directory, for one process. Needs nothing, and has no options.' }),
  z
    .strictObject({
      kind: option(z.literal('kafka'), 'Apache Kafka.'),
      brokers: option(
        z
          .array(pattern(/^[^\s:]+:\d+$|^\[[^\s\]]+\]:\d+$/, 'host:port'))
          .min(1)
          .default(['localhost:9092']),
        'Brokers to ask first, as host:port. `TIDEMARK_KAFKA_BROKERS`, separated by commas, goes before.',
        { example: ['kafka-1:9092', 'kafka-2:9092'] },
      ),
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
        url('http', 'https').default('http://localhost:6333'),
        'Where it answers. `TIDEMARK_QDRANT_URL` goes before.',
        { example: 'https://qdrant.example.com:6333' },
      ),
      apiKey: option(secret().optional(), 'Its API key. `TIDEMARK_QDRANT_API_KEY` goes before.', {
        otherwise: 'none',
        example: '${QDRANT_API_KEY}',
      }),
    })
    .meta({ description: 'Qdrant, for any number of processes.' }),
]);

const limits = z.strictObject({
  window: option(
    z
      .strictObject({
        records: option(whole(1, 100_000).default(100), 'Deliveries that a flow has out at once.', { example: 500 }),
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
        collect: option(whole(1, 1024).default(16), 'Documents fetched and converted side by side.', { example: 32 }),
        index: option(whole(1, 1024).default(32), 'Documents chunked, embedded and applied side by side.', {
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
        points: option(whole(1, 10_000).default(256), 'Points written at once.', { example: 64 }),
      })
      .prefault({}),
    'How much goes into one call.',
  ),
  blobCache: option(
    size(0, 1024 * 1024 * MIB).default(2048 * MIB),
    'Blobs of GitLab that are kept on disk in the data directory, so that none is fetched twice. Those used longest ago give way.',
    { example: '10 GiB' },
  ),
  secrets: option(
    z.enum(['redact', 'skip', 'index']).default('redact').meta({ expected: 'redact, skip or index' }),
    'What becomes of a file with what looks like a secret, such as a key, a token or a password: the secret is left out (redact), the file is (skip), or nothing is (index). The ledger says so.',
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
  backfillChanges: option(
    whole(0, 1_000_000).default(500),
    'A difference of more changes than that goes by the backfill lane, whoever asked for it.',
    { example: 2000 },
  ),
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
    'The directory of what is embedded. Relative to the file that says so. `TIDEMARK_DATA` goes before, relative to the current directory.',
    { otherwise: '`.tidemark` at the top of the current repository', example: '/var/lib/tidemark' },
  ),
  http: option(
    z
      .strictObject({
        host: option(text().default('127.0.0.1'), 'The address that the service listens on.', { example: '0.0.0.0' }),
        port: option(
          whole(0, 65_535).default(7717),
          'And its port; 0 takes any that is free. `TIDEMARK_HTTP_PORT` goes before.',
          { example: 8080 },
        ),
      })
      .prefault({}),
    'Health, metrics, status, the API and the receiver of webhooks.',
  ),
  webhooks: option(
    z
      .strictObject({
        secrets: option(
          z.array(secret().min(1)).default([]),
          'Secrets that a webhook may bear. Several, so that one can be replaced without a gap.',
          { example: ['${GITLAB_WEBHOOK_SECRET}'] },
        ),
        url: option(
          url('https', 'http').optional(),
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
export type SourceOptions = z.output<typeof source>;
export type EmbedderOptions = z.output<typeof embedderSchema>;
export type Limits = z.output<typeof limits>;
