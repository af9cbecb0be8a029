import type { IncomingMessage } from 'node:http';
import { KIB } from '../units.ts';
import { Refusal } from './refusal.ts';

export const MAX_BODY_BYTES = 512 * KIB;

/** Throws `Refusal` for a body that is too long, cut off or no JSON; none at all is an empty object. */
export const jsonBody = async (request: IncomingMessage): Promise<unknown> => {
  const read = await bytesOf(request);
  if (read.length === 0) return {};
  try {
    return JSON.parse(read.toString('utf8'));
  } catch {
    throw new Refusal(400, 'the body is no JSON');
  }
};

const bytesOf = async (request: IncomingMessage): Promise<Buffer> => {
  const read: Buffer[] = [];
  let bytes = 0;
  try {
    // What is refused is still answered, which a request that is destroyed would not be.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      bytes += (chunk as Buffer).length;
      if (bytes > MAX_BODY_BYTES) break;
      read.push(chunk as Buffer);
    }
  } catch {
    throw new Refusal(400, 'the body was cut off');
  }
  if (bytes > MAX_BODY_BYTES) throw new Refusal(413, `a request has at most ${MAX_BODY_BYTES} bytes`);
  return Buffer.concat(read);
};
