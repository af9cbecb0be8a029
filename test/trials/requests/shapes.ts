/** Requests as nobody's client sends them, byte by byte, from a seed. */
import type { Random } from '../sim/random.ts';

export interface Known {
  /** What is sent as `authorization`, of those with a token. */
  readonly token?: string;
  readonly secrets: readonly string[];
  /** Paths that somebody answers there. */
  readonly paths: readonly string[];
}

const METHODS = [
  'GET',
  'POST',
  'HEAD',
  'PUT',
  'DELETE',
  'OPTIONS',
  'TRACE',
  'CONNECT',
  'PATCH',
  'PROPFIND',
  'M-SEARCH',
];
const STRANGE_METHODS = ['get', 'G@T', 'P\0ST', '', 'GET GET', 'BREW', 'ÿ'];
const VERSIONS = ['HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.1', 'HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/1.', ''];
const HOSTS = [
  'localhost',
  '127.0.0.1',
  '[::1]',
  'localhost:7717',
  'tidemark.example.com',
  'evil.example',
  '',
  '@',
  '[',
  'a b',
  '%',
];
const TARGETS = [
  ...[
    '//',
    '///',
    '/',
    '*',
    '/\\',
    '//a',
    '//[',
    '//:0',
    'http://',
    'http://[',
    'http://a:b',
    'https://localhost/status',
  ],
  ...[
    'localhost:443',
    '?',
    '#',
    '/#',
    '/?%',
    '/%',
    '/%00',
    '/%ff',
    '/..',
    '/../..//',
    '/v1/documents/%ff',
    '/v1/documents/',
  ],
  ...[
    '/v1/documents/..%2f..%2fetc%2fpasswd',
    '/v1/documents/a%00b',
    '/__proto__',
    '/constructor',
    '/v1/../status',
    '/v1//search',
  ],
  ...[
    'ftp://localhost/',
    'javascript:0',
    '\ud800',
    '/ü',
    '/%c0%af',
    'http://user:pw@localhost/status',
    'HTTP://LOCALHOST/STATUS',
  ],
];
const WORDS = [
  ...[
    'moon',
    'tide',
    '',
    ' ',
    '\0',
    '\ud800',
    '\u{1f4a9}',
    '__proto__',
    'constructor',
    'default',
    'a'.repeat(5_000),
    '../../etc',
  ],
  ...[
    '%',
    '*',
    '**/*.md',
    '[',
    ']',
    '{a,b}',
    '!(x)',
    '\\',
    '"',
    "'",
    '1e308',
    'NaN',
    '(',
    'AND',
    'NEAR(',
    '^',
    '-1',
    'main',
  ],
];
const NUMBERS = [0, -1, 1, 0.5, 1e308, -1e308, 2 ** 31, 2 ** 53, 1e-320, 100, 1000, 1001];
const FIELDS = [
  ...[
    'query',
    'mode',
    'project',
    'group',
    'ref',
    'path',
    'language',
    'kind',
    'limit',
    'offset',
    'of',
    'text',
    'line',
    'lines',
  ],
  ...[
    'from',
    'pathBytes',
    '__proto__',
    'constructor',
    'toString',
    'jsonrpc',
    'id',
    'method',
    'params',
    'name',
    'arguments',
  ],
  ...[
    'object_kind',
    'event_name',
    'project_id',
    'before',
    'after',
    'changes',
    'argv',
    'pipeline',
    'configured',
    'terminal',
  ],
];
const WORDS_OF_METHODS = [
  'initialize',
  'tools/call',
  'tools/list',
  'ping',
  'notifications/initialized',
  'resources/read',
  'x',
];
const TOOLS = ['search', 'read', 'similar', 'status', 'nothing', '__proto__'];
const MODES = ['hybrid', 'dense', 'lexical', 'other'];
/** Beyond what a question and a command may have. */
const LARGE = 1_200_000;

const bytes = (chance: Random, length: number): string =>
  Array.from({ length }, () => String.fromCharCode(chance.below(256))).join('');

const value = (chance: Random, depth = 0): unknown => {
  const kind = chance.below(depth > 3 ? 5 : 8);
  if (kind === 0) return chance.pick(WORDS);
  if (kind === 1) return chance.pick(NUMBERS);
  if (kind === 2) return chance.pick([true, false, null]);
  if (kind <= 4) return bytes(chance, chance.below(20));
  if (kind === 5) return Array.from({ length: chance.below(5) }, () => value(chance, depth + 1));
  return Object.fromEntries(
    Array.from({ length: chance.below(6) }, () => [chance.pick(FIELDS), value(chance, depth + 1)]),
  );
};

type Make = (chance: Random) => unknown;

const otherwise: Make = (chance) => (chance.chance(0.4) ? { [chance.pick(FIELDS)]: value(chance, 2) } : {});
const search: Make = (chance) => ({
  ...{ query: chance.pick(WORDS) || 'moon', mode: chance.pick(MODES), limit: 1 + chance.below(5) },
  ...(otherwise(chance) as object),
});

/** What could be meant, by where it is asked, with some of it otherwise. */
const MEANT: Readonly<Record<string, Make>> = {
  '/v1/search': search,
  '/v1/similar': (chance) =>
    chance.chance(0.5)
      ? { text: chance.pick(WORDS) || 'tide', limit: 3, ...(otherwise(chance) as object) }
      : { of: { path: 'docs/tides.md', line: chance.pick(NUMBERS), ...(otherwise(chance) as object) } },
  '/mcp': (chance) => ({
    ...{ jsonrpc: '2.0', id: chance.chance(0.3) ? value(chance, 3) : 1 },
    ...(chance.chance(0.6)
      ? { method: 'tools/call', params: { name: chance.pick(TOOLS), arguments: search(chance) } }
      : { method: chance.pick(WORDS_OF_METHODS), params: value(chance) }),
  }),
  '/webhooks/gitlab': (chance) => ({
    ...{ object_kind: 'push', project_id: chance.pick(NUMBERS), ref: 'refs/heads/main', before: 'a'.repeat(40) },
    ...{ after: 'b'.repeat(40), ...(otherwise(chance) as object) },
  }),
  '/command': (chance) => ({
    argv: chance.chance(0.5) ? [chance.pick(['search', 'status', 'inspect', 'x']), chance.pick(WORDS)] : value(chance),
    ...{ pipeline: chance.chance(0.7) ? 'default' : chance.pick(WORDS), configured: value(chance) },
    ...(otherwise(chance) as object),
  }),
};

const asLatin1 = (json: unknown): string => Buffer.from(JSON.stringify(json)).toString('latin1');

const deep = (length: number) => `${'['.repeat(length)}${']'.repeat(length)}`;

const body = (chance: Random): string => {
  const json = () => asLatin1(chance.chance(0.7) ? chance.pick(Object.values(MEANT))(chance) : value(chance));
  return chance.pick<() => string>([
    json,
    json,
    () => `${json()}\n`,
    () => `${json()}\n`,
    () => json().slice(0, chance.below(60)),
    () => bytes(chance, chance.below(400)),
    () => '',
    () => deep(chance.below(5_000)),
    () => (chance.chance(0.05) ? `"${'x'.repeat(LARGE)}"` : '""'),
  ])();
};

const target = (chance: Random, paths: readonly string[]): string => {
  const question = () =>
    chance.chance(0.3)
      ? `?${chance.pick([...FIELDS, 'nonce', 'fresh'])}=${encodeURIComponent(chance.pick(WORDS).replace('\ud800', ''))}`
      : '';
  return chance.pick<() => string>([
    () => `${chance.pick(paths)}${question()}`,
    () => `${chance.pick(paths)}${question()}`,
    () => `${chance.pick(paths)}${question()}`,
    () => `/v1/documents/${encodeURIComponent(chance.pick(['docs/tides.md', 'none', bytes(chance, 12)]))}${question()}`,
    () => chance.pick(TARGETS),
    () => `${chance.pick(TARGETS)}${question()}`,
    () => `/${bytes(chance, chance.below(60))}`,
    () => `/${'a'.repeat(chance.below(20_000))}`,
  ])();
};

const webhookHeaders = (chance: Random, secrets: readonly string[]): readonly string[] => [
  ...(chance.chance(0.6) ? [`x-gitlab-token: ${chance.pick([...secrets, bytes(chance, 8), ''])}`] : []),
  ...(chance.chance(0.3) ? [`webhook-signature: ${chance.pick(['v1,AAAA', '', 'v1,', bytes(chance, 20)])}`] : []),
  ...(chance.chance(0.3)
    ? [`webhook-timestamp: ${chance.pick([`${Math.floor(Date.now() / 1_000)}`, '-1', '9'.repeat(400)])}`]
    : []),
  ...(chance.chance(0.2) ? [`x-gitlab-instance: ${chance.pick(TARGETS)}`] : []),
];

const headers = (chance: Random, { token, secrets }: Known): readonly string[] => {
  const authorization = token !== undefined && chance.chance(0.9) ? `Bearer ${token}` : undefined;
  return [
    ...(chance.chance(0.95) ? [`host: ${chance.chance(0.8) ? 'localhost' : chance.pick(HOSTS)}`] : []),
    ...(authorization === undefined ? [] : [`authorization: ${authorization}`]),
    ...(authorization === undefined && chance.chance(0.5)
      ? [
          `authorization: ${chance.pick(['Bearer', 'Bearer x', 'Basic eA==', bytes(chance, 30), `Bearer ${'x'.repeat(3_000)}`])}`,
        ]
      : []),
    ...(chance.chance(0.1)
      ? [`origin: ${chance.pick(['null', 'http://localhost:1', 'https://evil.example', 'http://[', bytes(chance, 5)])}`]
      : []),
    ...(chance.chance(0.7)
      ? [`content-type: ${chance.pick(['application/json', 'text/plain', 'multipart/form-data', ''])}`]
      : []),
    ...(chance.chance(0.7) ? [`accept: ${chance.pick(['application/json, text/event-stream', '*/*', '', 'x'])}`] : []),
    ...(chance.chance(0.05) ? [`expect: ${chance.pick(['100-continue', '200-ok', ''])}`] : []),
    ...(chance.chance(0.05) ? ['connection: upgrade', `upgrade: ${chance.pick(['websocket', 'h2c', 'TLS/1.0'])}`] : []),
    ...(chance.chance(0.05) ? [`mcp-protocol-version: ${chance.pick(['2025-11-25', '1', bytes(chance, 4)])}`] : []),
    ...(chance.chance(0.03) ? [`${bytes(chance, 5)}: ${bytes(chance, 5)}`] : []),
    ...(chance.chance(0.02) ? Array.from({ length: chance.below(2_500) }, (_, at) => `x-${at}: y`) : []),
    ...(chance.chance(0.02) ? [`x-long: ${'z'.repeat(chance.below(30_000))}`] : []),
    ...(chance.chance(0.02) ? [' folded', 'host: twice'] : []),
    ...webhookHeaders(chance, secrets),
  ];
};

interface Announced {
  readonly header: readonly string[];
  readonly sent: string;
  /** More than is sent, so that the other side waits. */
  readonly more?: boolean;
}

/** The body as the headers announce it, or otherwise. */
const announced = (chance: Random, content: string): Announced => {
  const sized = { header: [`content-length: ${content.length}`], sent: content };
  const chunk = `${content.length.toString(16)}\r\n${content}\r\n0\r\n\r\n`;
  if (chance.chance(0.85)) return sized;
  return chance.pick<Announced>([
    { header: [], sent: content },
    { header: ['transfer-encoding: chunked'], sent: content === '' ? '0\r\n\r\n' : chunk },
    { header: ['transfer-encoding: chunked'], sent: `zz\r\n${content}` },
    { header: ['transfer-encoding: gzip, chunked'], sent: chunk },
    { header: [`content-length: ${content.length + 10}`], sent: content, more: true },
    {
      header: [`content-length: ${chance.pick(['-1', 'x', '1e9', '99999999999999999999', '0x10', ''])}`],
      sent: content,
    },
    { header: ['content-length: 1', 'content-length: 2'], sent: content },
    { header: ['content-length: 4', 'transfer-encoding: chunked'], sent: chunk },
  ]);
};

export interface RandomRequest {
  readonly bytes: Buffer;
  /** It may end in the middle: then there is no answer while more could come. */
  readonly cut: boolean;
}

/** As Latin-1, so that every byte can stand anywhere. */
export const randomRequest = (chance: Random, known: Known): RandomRequest => {
  if (chance.chance(0.02)) return { bytes: Buffer.from(bytes(chance, 1 + chance.below(300)), 'latin1'), cut: true };
  const aimed = chance.chance(0.3) ? chance.pick(known.paths) : undefined;
  const make = aimed === undefined ? undefined : MEANT[aimed];
  const usual = chance.chance(0.75) ? ['GET', 'POST'] : METHODS;
  const method = make ? 'POST' : chance.pick(chance.chance(0.05) ? STRANGE_METHODS : usual);
  const content = make
    ? `${asLatin1(make(chance))}\n`
    : chance.chance(method === 'POST' ? 0.95 : 0.2)
      ? body(chance)
      : '';
  const { header, sent, more = false } = announced(chance, content);
  const lines = [
    `${method} ${aimed ?? target(chance, known.paths)} ${chance.chance(0.8) ? 'HTTP/1.1' : chance.pick(VERSIONS)}`,
    ...headers(chance, known),
    ...header,
  ];
  const whole = `${lines.join('\r\n')}\r\n\r\n${sent}`;
  const cut = chance.chance(0.02);
  return { bytes: Buffer.from(cut ? whole.slice(0, chance.below(whole.length)) : whole, 'latin1'), cut: cut || more };
};
