import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { type Listener, type ListenerOptions, openListener } from '../../src/http/listener.ts';

let listener: Listener;
let failures: unknown[];
const open: Socket[] = [];

const listen = async (options: Partial<ListenerOptions> = {}) => {
  failures = [];
  listener = await openListener({
    ...{ host: '127.0.0.1', port: 0, requestMs: 30_000 },
    handle: async (_, response) => void response.end('here'),
    failed(error, response) {
      failures.push(error);
      response.writeHead(500).end();
    },
    ...options,
  });
};
const connected = async (): Promise<Socket> => {
  const socket = connect(Number(new URL(listener.url).port), '127.0.0.1');
  socket.on('error', () => undefined);
  open.push(socket);
  await once(socket, 'connect');
  return socket;
};
/** What comes back until the connection closes, or is silent for a moment. */
const answerTo = async (bytes: string, socket?: Socket): Promise<string> => {
  const asking = socket ?? (await connected());
  let heard = '';
  asking.on('data', (chunk: Buffer) => {
    heard += chunk;
  });
  asking.write(bytes, 'latin1');
  for (let waited = 0; waited < 5_000 && heard === '' && !asking.closed; waited += 10) await sleep(10);
  return heard;
};
afterEach(async () => {
  for (const socket of open.splice(0)) socket.destroy();
  await listener.close();
});

describe('a request of whatever shape', () => {
  it.each([
    ['a target that is none', 'GET // HTTP/1.1\r\nhost: localhost\r\n\r\n', 400],
    ['a target for proxies', 'GET http://[ HTTP/1.1\r\nhost: localhost\r\n\r\n', 400],
    ['an asterisk', 'OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n', 400],
    ['a tunnel', 'CONNECT localhost:443 HTTP/1.1\r\nhost: localhost\r\n\r\n', 400],
    ['no HTTP', '\x16\x03\x01\x02\x00\x01\x00\r\n\r\n', 400],
    ['no host', 'GET / HTTP/1.1\r\n\r\n', 400],
    ['two lengths', 'POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n', 400],
    ['a chunk of no size', 'POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n', 200],
    ['an expectation that nobody knows', 'GET / HTTP/1.1\r\nhost: a\r\nexpect: x\r\n\r\n', 417],
    ['a target that is too long', `GET /${'a'.repeat(20_000)} HTTP/1.1\r\nhost: a\r\n\r\n`, 431],
    ['an upgrade', 'GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n', 200],
  ])('is answered: %s', async (_, bytes, status) => {
    await listen();
    expect(await answerTo(bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
    expect(failures).toEqual([]);
  });

  it('a tunnel that breaks off ends nothing', async () => {
    await listen();
    const socket = await connected();
    socket.write('CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n');
    socket.resetAndDestroy();
    await sleep(50);
    expect(await answerTo('GET / HTTP/1.1\r\nhost: a\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
  });

  it('a fault of ours is told once, and ends the answer', async () => {
    await listen({ handle: () => Promise.reject(new Error('the store is away')) });
    expect(await answerTo('GET / HTTP/1.1\r\nhost: a\r\n\r\n')).toMatch(/^HTTP\/1\.1 500 /);
    expect(failures).toHaveLength(1);
  });
});

describe('connections', () => {
  it('beyond the bound the longest idle one gives way to who asks, and none is refused for it', async () => {
    await listen({ maxConnections: 20 });
    const idle = await Promise.all(Array.from({ length: 300 }, connected));
    expect(await answerTo('GET / HTTP/1.1\r\nhost: a\r\n\r\n')).toMatch(/^HTTP\/1\.1 200 /);
    for (let waited = 0; waited < 5_000 && idle.filter((one) => !one.closed).length > 20; waited += 20) await sleep(20);
    expect(idle.filter((one) => !one.closed).length).toBeLessThanOrEqual(20);
  });

  it('whose request is being answered are not closed for others, who are turned away', async () => {
    const answers: (() => void)[] = [];
    await listen({
      maxConnections: 3,
      handle: (_, response) =>
        new Promise((resolve) => {
          answers.push(() => {
            response.end('here');
            resolve();
          });
        }),
    });
    const request = 'GET / HTTP/1.1\r\nhost: a\r\n\r\n';
    const asking = Array.from({ length: 3 }, () => answerTo(request));
    while (answers.length < 3) await sleep(5);
    const turnedAway = await connected();
    await once(turnedAway, 'close');
    for (const answer of answers) answer();
    for (const answer of await Promise.all(asking)) expect(answer).toMatch(/^HTTP\/1\.1 200 /);
    // One that has its answer is idle again.
    answers.splice(0);
    const next = answerTo(request);
    while (answers.length < 1) await sleep(5);
    answers[0]?.();
    expect(await next).toMatch(/^HTTP\/1\.1 200 /);
  });
});
