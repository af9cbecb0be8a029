/** Has a task done by the process that holds the data directory. The other side is `control.ts`. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { createInterface } from 'node:readline';
import { BadUsage, TryAgain } from '../errors.ts';
import { packagedVersion } from '../package.ts';
import { isSameSecret } from '../runtime/secret.ts';
import { SECOND } from '../units.ts';
import type { Owner } from './lock.ts';
import { type About, aboutSchema, errorOf, proofOf, type Reply, replySchema, type TaskRequest } from './protocol.ts';

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
    return about.success && isSameSecret(about.data.proof, proofOf(token, nonce)) ? about.data : undefined;
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

/** Takes what a task tells. Resolves when there is room for more. */
export type Told = (told: unknown) => void | Promise<void>;

/**
 * Resolves to the result; to `undefined` if the owner takes no task any more, so that the lock is about to be free. Rejects
 * with the error of the task, of the class that it has there. When the signal aborts the task is asked to stop, and says
 * how it ends.
 */
export const askOwner = async (
  { address, token }: Owner,
  asked: TaskRequest,
  told: Told,
  signal: AbortSignal,
): Promise<{ readonly result: unknown } | undefined> => {
  const sending = request(`${address}/task`, {
    method: 'POST',
    agent: false,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  });
  const stop = () => sending.end();
  try {
    const response = await responseTo(sending, asked);
    if (!response || response.statusCode === 503) return undefined;
    if (response.statusCode === 404)
      throw new BadUsage(
        'ask the process that holds the data directory: it is of another version of Tidemark. Use one version, or start that process again',
      );
    if (response.statusCode !== 200) throw new TryAgain(`the process that serves ${address} refuses the task`);
    signal.addEventListener('abort', stop, { once: true });
    if (signal.aborted) stop();
    for await (const reply of repliesOf(response)) {
      if (reply.is === 'failed') throw errorOf(reply);
      if (reply.is === 'result') return { result: reply.result };
      await told(reply.told);
    }
    throw new TryAgain(ENDED);
  } finally {
    signal.removeEventListener('abort', stop);
    sending.destroy();
  }
};

const ENDED = 'the process that holds the data directory ended before the task did';

const responseTo = async (sending: ClientRequest, asked: TaskRequest): Promise<IncomingMessage | undefined> => {
  sending.write(`${JSON.stringify({ version: packagedVersion(), ...asked })}\n`);
  try {
    const [response] = (await once(sending, 'response')) as [IncomingMessage];
    // From now on its own stream says how it ends.
    sending.on('error', () => undefined);
    return response;
  } catch {
    return undefined;
  }
};

async function* repliesOf(response: IncomingMessage): AsyncGenerator<Reply> {
  try {
    for await (const line of createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY }))
      yield replySchema.parse(JSON.parse(line));
  } catch (cause) {
    throw new TryAgain(ENDED, { cause });
  }
}
