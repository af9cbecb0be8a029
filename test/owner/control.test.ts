import { once } from 'node:events';
import { createServer, request } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  BadConfiguration,
  BadUsage,
  BudgetSpent,
  Cancelled,
  Damaged,
  LostLock,
  NotFound,
  StopFlow,
  TryAgain,
  Unavailable,
} from '../../src/errors.ts';
import { aboutOwner, askOwner } from '../../src/owner/ask.ts';
import { type Control, type ControlOptions, openControl } from '../../src/owner/control.ts';
import { packagedVersion } from '../../src/package.ts';
import { MIB } from '../../src/units.ts';

const TOKEN = 'a-secret-of-the-lock-file';
const asked = { task: 'search', input: 'x', pipeline: 'default', configured: {} };
const sent = { version: packagedVersion(), ...asked };
let control: Control;
let run: ControlOptions['run'];
let taking: boolean;
let said: unknown[];
const told = (event: unknown) => void said.push(event);
const owner = () => ({ pid: 1, address: control.address, token: TOKEN });
const never = new AbortController().signal;

beforeEach(async () => {
  said = [];
  run = async () => undefined;
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

  it('without the token no task is taken, and none through a name of somebody else', async () => {
    const post = (headers: Record<string, string>) =>
      new Promise<number | undefined>((resolve, reject) => {
        const sending = request(`${control.address}/task`, { method: 'POST', headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        sending.on('error', reject).end(`${JSON.stringify(sent)}\n`);
      });
    const authorization = `Bearer ${TOKEN}`;
    expect(await post({})).toBe(401);
    expect(await post({ authorization: 'Bearer other' })).toBe(401);
    expect(await post({ authorization, host: 'evil.example' })).toBe(421);
    expect(await post({ authorization })).toBe(200);
  });

  it('a request that is no task, or too large for one, is refused', async () => {
    const headers = { authorization: `Bearer ${TOKEN}` };
    const post = async (body: string) =>
      (await fetch(`${control.address}/task`, { method: 'POST', headers, body })).status;
    expect(await post('no json\n')).toBe(400);
    expect(await post(`{"version":"${packagedVersion()}","task":1}\n`)).toBe(400);
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

describe('a task that another process does', () => {
  it('tells what it tells in its order, and comes back with its result', async () => {
    run = async ({ task, input }, tell) => {
      await tell({ task, input });
      await tell('half');
      return { found: 3 };
    };
    expect(await askOwner(owner(), asked, told, never)).toMatchObject({ result: { found: 3 } });
    expect(said).toEqual([{ task: 'search', input: 'x' }, 'half']);
  });

  it('may have nothing to come back with', async () => {
    expect(await askOwner(owner(), asked, told, never)).toEqual({ result: undefined });
  });

  it.each(
    [
      BadConfiguration,
      BadUsage,
      BudgetSpent,
      Cancelled,
      Damaged,
      LostLock,
      NotFound,
      StopFlow,
      TryAgain,
      Unavailable,
    ].map((Failure) => ({ name: Failure.name, Failure })),
  )('fails with $name for whoever asked where it fails with that', async ({ Failure }) => {
    const failure = new Failure('read the manual: it is away');
    run = async () => Promise.reject(failure);
    const error = await askOwner(owner(), asked, told, never).catch((caught: unknown) => caught);
    expect(error).toBeInstanceOf(Failure);
    expect(error).toMatchObject({ name: failure.name, message: failure.message });
  });

  it('fails with the message of what nobody expected', async () => {
    run = async () => Promise.reject(new TypeError('x is no function'));
    const error = await askOwner(owner(), asked, told, never).catch((caught: unknown) => caught);
    expect(error).toMatchObject({ name: 'Error', message: 'x is no function' });
  });

  it('tells no more than whoever asked has room for', async () => {
    let isFull = false;
    let goOn: () => void = () => undefined;
    const looked = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const piece = 'x'.repeat(4_096);
    run = async (_, tell) => {
      for (let at = 0; at < 20_000 && !isFull; at += 1)
        isFull = await Promise.race([tell(piece).then(() => false), sleep(1_000).then(() => true)]);
      goOn();
    };
    await askOwner(owner(), asked, () => looked, never);
    expect(isFull).toBe(true);
  });

  it('is refused to another version of Tidemark, in words that say so', async () => {
    let done = false;
    run = async () => {
      done = true;
    };
    const headers = { authorization: `Bearer ${TOKEN}` };
    // Another version may send whatever it sends.
    const body = `${JSON.stringify({ version: '99.0.0', question: 'x' })}\n`;
    const answer = await fetch(`${control.address}/task`, { method: 'POST', headers, body });
    const reply = JSON.parse(await answer.text());
    expect(reply).toMatchObject({ is: 'failed', class: 'BadUsage' });
    expect(reply.message).toMatch(
      new RegExp(`it is Tidemark ${packagedVersion()}, and this is 99.0.0. Use one version`),
    );
    expect(done).toBe(false);
  });

  it('is not asked of a process that knows no tasks, and whoever asks is told why', async () => {
    const server = createServer((_, response) => response.writeHead(404).end());
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const asking = askOwner({ ...owner(), address }, asked, told, never);
    await expect(asking).rejects.toThrow(/another version of Tidemark/);
    await expect(asking).rejects.toThrow(BadUsage);
    server.close();
  });

  it('is asked to stop, and may still say what it leaves', async () => {
    run = async (_, tell, signal) => {
      await tell('begun');
      await once(signal, 'abort');
      return 'left';
    };
    const stop = new AbortController();
    const asking = askOwner(owner(), asked, told, stop.signal);
    while (said.length === 0) await sleep(5);
    stop.abort();
    expect(await asking).toMatchObject({ result: 'left' });
  });

  it('is stopped when whoever asked is gone', async () => {
    let stopped = false;
    run = async (_, tell, signal) => {
      await tell('begun');
      await once(signal, 'abort');
      stopped = true;
    };
    const headers = { authorization: `Bearer ${TOKEN}` };
    const sending = request(`${control.address}/task`, { method: 'POST', headers });
    sending.on('error', () => undefined).write(`${JSON.stringify(sent)}\n`);
    await once(sending, 'response');
    sending.destroy();
    while (!stopped) await sleep(5);
  });

  it('that is not taken any more is to be tried elsewhere, and an owner that dies says nothing', async () => {
    taking = false;
    expect(await askOwner(owner(), asked, told, never)).toBeUndefined();
    taking = true;
    run = async () => {
      void control.close();
    };
    await expect(askOwner(owner(), asked, told, never)).rejects.toThrow(/ended before the task did/);
  });
});
