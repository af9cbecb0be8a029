/** Has a command run by the process that holds the data directory. The other side is `http/control.ts`. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import { TryAgain } from '../errors.ts';
import { type About, aboutSchema, type ControlRequest, isSame, proofOf, replySchema } from '../owner/control.ts';
import type { Owner } from '../owner/lock.ts';
import { SECOND } from '../units.ts';
import type { Output } from './output.ts';

/** An owner that is busy answers late; one that is gone refuses at once. */
const ANSWER_MS = 10 * SECOND;
const MAX_ABOUT_BYTES = 10_000;

/** What the owner says of itself; `undefined` if whoever answers there does not know its token, or nobody does. */
export const aboutOwner = async ({ address, token }: Owner): Promise<About | undefined> => {
  const nonce = randomUUID();
  try {
    const response = await fetch(`${address}/owner?nonce=${nonce}`, {
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    const about = aboutSchema.safeParse(JSON.parse(await beginningOf(response)));
    return about.success && isSame(about.data.proof, proofOf(token, nonce)) ? about.data : undefined;
  } catch {
    // Refused, reset, too late or no JSON: whatever is there, it is not the owner.
    return undefined;
  }
};

/** Whatever is there may answer without an end. */
const beginningOf = async (response: Response): Promise<string> => {
  const read: Uint8Array[] = [];
  let bytes = 0;
  for await (const piece of response.body ?? []) {
    read.push(piece);
    bytes += piece.length;
    if (bytes > MAX_ABOUT_BYTES) break;
  }
  return Buffer.concat(read).toString('utf8');
};

/**
 * Resolves to the exit code; `undefined` if the owner takes no command any more, so that the lock is about to be free.
 * When the signal aborts the command is asked to stop, and says what it has to say.
 */
export const askOwner = async (
  { address, token }: Owner,
  asked: ControlRequest,
  output: Output,
  signal: AbortSignal,
): Promise<number | undefined> => {
  const sending = request(`${address}/command`, {
    method: 'POST',
    agent: false,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  });
  const stop = () => sending.end();
  try {
    const response = await responseTo(sending, asked);
    if (!response || response.statusCode === 503) return undefined;
    if (response.statusCode !== 200) throw new TryAgain(`the process that serves ${address} refuses the command`);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    return await relay(response, output);
  } finally {
    signal.removeEventListener('abort', stop);
    sending.destroy();
  }
};

const responseTo = async (sending: ClientRequest, asked: ControlRequest): Promise<IncomingMessage | undefined> => {
  sending.write(`${JSON.stringify(asked)}\n`);
  try {
    const [response] = (await once(sending, 'response')) as [IncomingMessage];
    // From now on its own stream says how it ends.
    sending.on('error', () => undefined);
    return response;
  } catch {
    return undefined;
  }
};

const relay = async (response: IncomingMessage, output: Output): Promise<number> => {
  let exit: number | undefined;
  try {
    for await (const line of createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })) {
      const reply = replySchema.parse(JSON.parse(line));
      if ('line' in reply) await output.line(reply.line);
      else if ('note' in reply) output.note(reply.note);
      else if ('progress' in reply) output.progress(reply.progress);
      else exit = reply.exit;
    }
  } catch (cause) {
    throw new TryAgain('the process that holds the data directory ended before the command did', { cause });
  }
  if (exit === undefined) throw new TryAgain('the process that holds the data directory ended before the command did');
  return exit;
};
