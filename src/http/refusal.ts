import { BadUsage, messageOf, NotFound, TryAgain, Unavailable } from '../errors.ts';

/** A request that is answered with this status, and why. */
export class Refusal extends Error {
  override readonly name = 'Refusal';
  readonly status: number;
  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

export const refusalOf = (error: unknown): Refusal => {
  if (error instanceof Refusal) return error;
  if (error instanceof BadUsage) return new Refusal(400, error.message);
  if (error instanceof NotFound) return new Refusal(404, error.message);
  if (error instanceof TryAgain || error instanceof Unavailable) return new Refusal(503, error.message);
  return new Refusal(500, messageOf(error));
};
