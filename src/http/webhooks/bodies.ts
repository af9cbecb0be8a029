/**
 * The bodies of webhooks while they come in. A signature is proved by the whole body alone, so that bodies of strangers
 * have to be held too: within bounds that leave room for everybody else's, whatever one of them sends or does not send.
 */
import type { IncomingMessage } from 'node:http';
import type { Time } from '../../ports.ts';
import { KIB, MIB, SECOND } from '../../units.ts';
import { connectionsAllowed } from '../connections.ts';

/** GitLab sends no more. */
export const MAX_BODY_BYTES = 25 * MIB;

export interface BodyLimits {
  /** Of all that are being read. */
  readonly maxBytes: number;
  /** And of all strangers', so that those who have shown a token are always read. */
  readonly maxStrangersBytes: number;
  /** And of one stranger's, by address: more than the largest body, and room for another one's beside it. */
  readonly maxBytesOfOne: number;
  readonly maxBodiesOfOne: number;
  /** Of each body this is not counted: nearly all webhooks are smaller, and those are read however full it is. */
  readonly freeBytes: number;
  /** GitLab has given up by then, so that nobody waits for what comes later. */
  readonly readMs: number;
}

export const bodyLimits = (): BodyLimits => ({
  maxBytes: 128 * MIB,
  maxStrangersBytes: 64 * MIB,
  maxBytesOfOne: 32 * MIB,
  // Also where few files may be open, others can connect beside one who has begun as many bodies as that.
  maxBodiesOfOne: Math.min(32, Math.floor(connectionsAllowed() / 2)),
  freeBytes: 64 * KIB,
  readMs: 10 * SECOND,
});

/** Why a body was not read. */
export type Unread = 'too large' | 'no room' | 'too late';

interface Sender {
  bodies: number;
  bytes: number;
}

/** Throws when the sender leaves before the end of the body. */
export type ReadBody = (request: IncomingMessage, isKnown: boolean) => Promise<Buffer | Unread>;

export const webhookBodies = (time: Pick<Time, 'sleep'>, limits: BodyLimits = bodyLimits()): ReadBody => {
  const senders = new Map<string, Sender>();
  let [held, heldOfStrangers] = [0, 0];

  const hasRoom = (sender: Sender | undefined): boolean =>
    held <= limits.maxBytes &&
    (!sender || (heldOfStrangers <= limits.maxStrangersBytes && sender.bytes <= limits.maxBytesOfOne));

  const read = async (request: IncomingMessage, sender: Sender | undefined): Promise<Buffer | Unread> => {
    const parts: Buffer[] = [];
    let [bytes, counted] = [0, 0];
    const count = (more: number) => {
      counted += more;
      held += more;
      if (!sender) return;
      heldOfStrangers += more;
      sender.bytes += more;
    };
    try {
      // Whatever is not read to its end is still answered.
      for await (const part of request.iterator({ destroyOnReturn: false })) {
        bytes += (part as Buffer).length;
        count(Math.max(0, bytes - limits.freeBytes) - counted);
        if (bytes > MAX_BODY_BYTES) return 'too large';
        if (counted > 0 && !hasRoom(sender)) return 'no room';
        parts.push(part as Buffer);
      }
      return Buffer.concat(parts);
    } finally {
      count(-counted);
    }
  };

  const inTime = async (request: IncomingMessage, sender: Sender | undefined): Promise<Buffer | Unread> => {
    const over = new AbortController();
    const late = time.sleep(limits.readMs, over.signal).then((): Unread => 'too late');
    try {
      return await Promise.race([read(request, sender), late]);
    } finally {
      over.abort();
    }
  };

  return async (request, isKnown) => {
    if (isKnown) return inTime(request, undefined);
    const address = request.socket.remoteAddress ?? '';
    const sender = senders.get(address) ?? { bodies: 0, bytes: 0 };
    if (sender.bodies >= limits.maxBodiesOfOne) return 'no room';
    senders.set(address, sender);
    sender.bodies += 1;
    try {
      return await inTime(request, sender);
    } finally {
      sender.bodies -= 1;
      if (sender.bodies === 0) senders.delete(address);
    }
  };
};
