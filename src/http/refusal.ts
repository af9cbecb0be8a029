import type { ServerResponse } from 'node:http';
import { BadUsage, messageOf, NotFound, TryAgain, Unavailable } from '../errors.ts';
import { answerJson } from './answer.ts';

/** A request that is answered with this status, and why. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** For a fault of ours: what went wrong may quote addresses and paths, and the log has it. */
export const notAnswered = (): Refusal =>
  new Refusal(500, 'this could not be answered; the log of the service says why');

export const refusalOf = (error: unknown): Refusal => {
  if (error instanceof Refusal) return error;
  if (error instanceof BadUsage) return new Refusal(400, error.message);
  if (error instanceof NotFound) return new Refusal(404, error.message);
  if (error instanceof TryAgain || error instanceof Unavailable) return new Refusal(503, error.message);
  return new Refusal(500, messageOf(error));
};

export const refuse = (response: ServerResponse, { status, message }: Refusal): void => {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  if (status === 401) response.setHeader('www-authenticate', 'Bearer');
  if (status === 503) response.setHeader('retry-after', '1');
  // What was not read of the request is not waited for.
  response.setHeader('connection', 'close');
  answerJson(response, status, { error: message });
};
