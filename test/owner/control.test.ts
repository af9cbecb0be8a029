import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { aboutOwner, askOwner } from '../../src/cli/ask.ts';
import type { Output } from '../../src/cli/output.ts';
import { type Control, type ControlOptions, openControl } from '../../src/owner/control.ts';
import { MIB } from '../../src/units.ts';

const TOKEN = 'a-secret-of-the-lock-file';
const asked = { argv: ['search', 'x'], pipeline: 'default', configured: {} };
let control: Control;
let run: ControlOptions['run'];
let taking: boolean;
let said: string[];
const output: Output = {
  async line(text) {
    said.push(`line ${text}`);
  },
  note: (text) => said.push(`note ${text}`),
  progress: (text) => said.push(`progress ${text}`),
};
const owner = () => ({ pid: 1, address: control.address, token: TOKEN });
const never = new AbortController().signal;

beforeEach(async () => {
  said = [];
  run = async () => 0;
  taking = true;
  control = await openControl({
    ...{ token: TOKEN, serving: () => undefined },
    ...{ taking: () => taking, run: (...args) => run(...args) },
  });
});
afterEach(() => control.close());

describe('who is who', () => {
  it('an owner proves that it knows the token, and does not tell it', async () => {
    expect(await aboutOwner(owner())).toMatchObject({ proof: expect.any(String) });
    const answer = await (await fetch(`${control.address}/owner?nonce=n`)).text();
    expect(answer).not.toContain(TOKEN);
    expect(await aboutOwner({ ...owner(), token: 'another' })).toBeUndefined();
    expect(await aboutOwner({ ...owner(), address: 'http://127.0.0.1:1' })).toBeUndefined();
  });

  it('without the token no command is taken, and none through a name of somebody else', async () => {
    const post = (headers: Record<string, string>) =>
      new Promise<number | undefined>((resolve, reject) => {
        const sending = request(`${control.address}/command`, { method: 'POST', headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        sending.on('error', reject).end(`${JSON.stringify(asked)}\n`);
      });
    const authorization = `Bearer ${TOKEN}`;
    expect(await post({})).toBe(401);
    expect(await post({ authorization: 'Bearer other' })).toBe(401);
    expect(await post({ authorization, host: 'evil.example' })).toBe(421);
    expect(await post({ authorization })).toBe(200);
  });

  it('a request that is no command, or too large for one, is refused', async () => {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const post = async (body: string) =>
      (await fetch(`${control.address}/command`, { method: 'POST', headers, body })).status;
    expect(await post('no json\n')).toBe(400);
    expect(await post(`{"argv":[]}\n`)).toBe(400);
    expect(await post('x'.repeat(2 * MIB)).catch(() => 400)).toBe(400);
  });
});

it('whoever answers without an end is no owner, and is not listened to', async () => {
  let sent = 0;
  const server = createServer((_, response) => {
    const piece = Buffer.alloc(64 * 1024, ' ');
    const more = () => {
      while (!response.destroyed && response.write(piece)) sent += piece.length;
    };
    response.on('drain', more);
    more();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  expect(await aboutOwner({ ...owner(), address: `http://127.0.0.1:${port}` })).toBeUndefined();
  expect(sent).toBeLessThan(20 * MIB);
  server.closeAllConnections();
  server.close();
});

it('a request that asks for nothing is refused, and ends nothing', async () => {
  const port = Number(new URL(control.address).port);
  for (const target of ['//', '*', 'http://[', '//[']) {
    const socket = connect(port, '127.0.0.1');
    socket.write(`GET ${target} HTTP/1.1\r\nhost: localhost\r\n\r\n`);
    const [answer] = await once(socket, 'data');
    expect(String(answer), target).toMatch(/^HTTP\/1\.1 400 /);
    socket.destroy();
  }
  expect(await aboutOwner(owner())).toBeDefined();
});

describe('a command that another process runs', () => {
  it('comes back line by line, with its exit code', async () => {
    run = async (request, reply) => {
      await reply({ note: request.argv.join(' ') });
      await reply({ line: 'one' });
      await reply({ progress: 'half' });
      return 3;
    };
    expect(await askOwner(owner(), asked, output, never)).toBe(3);
    expect(said).toEqual(['note search x', 'line one', 'progress half']);
  });

  it('is asked to stop, and may still say what it leaves', async () => {
    run = async (_, reply, signal) => {
      await reply({ note: 'begun' });
      await once(signal, 'abort');
      await reply({ note: 'left' });
      return 130;
    };
    const stop = new AbortController();
    const asking = askOwner(owner(), asked, output, stop.signal);
    while (said.length === 0) await sleep(5);
    stop.abort();
    expect(await asking).toBe(130);
    expect(said).toEqual(['note begun', 'note left']);
  });

  it('is stopped when whoever asked is gone', async () => {
    let stopped = false;
    run = async (_, reply, signal) => {
      await reply({ note: 'begun' });
      await once(signal, 'abort');
      stopped = true;
      return 130;
    };
    const headers = { authorization: `Bearer ${TOKEN}` };
    const sending = request(`${control.address}/command`, { method: 'POST', headers });
    sending.on('error', () => undefined).write(`${JSON.stringify(asked)}\n`);
    await once(sending, 'response');
    sending.destroy();
    while (!stopped) await sleep(5);
  });

  it('that is not taken any more is to be tried elsewhere, and an owner that dies says nothing', async () => {
    taking = false;
    expect(await askOwner(owner(), asked, output, never)).toBeUndefined();
    taking = true;
    run = async () => {
      void control.close();
      return 0;
    };
    await expect(askOwner(owner(), asked, output, never)).rejects.toThrow(/ended before the command did/);
  });
});
