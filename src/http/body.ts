import type { IncomingMessage } from 'node:http';
import { Refusal } from './refusal.ts';

export const MAX_BODY_BYTES = 512 * 1024;

/** Throws `Refusal` for a body that is too long or no JSON; none at all is an empty object. */
export const jsonBody = async (request: IncomingMessage): Promise<unknown> => {
  const read: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Buffer).length;
    if (bytes > MAX_BODY_BYTES) throw new Refusal(413, `a request has at most ${MAX_BODY_BYTES} bytes`);
    read.push(chunk as Buffer);
  }
  if (bytes === 0) return {};
  try {
    return JSON.parse(Buffer.concat(read).toString('utf8'));
  } catch {
    throw new Refusal(400, 'the body is no JSON');
  }
};
