/** A question over HTTP as its caller may ask it: with its scopes, of its projects, in time, and not too many at once. */
import { type AnswerOf, answerTo, type Question } from '../api/questions.ts';
import type { Hosted } from '../pipeline/host.ts';
import { either } from '../runtime/either.ts';
import { stay } from '../runtime/time.ts';
import type { Telemetry } from '../telemetry.ts';
import { SECOND } from '../units.ts';
import type { Caller } from './callers.ts';
import { Refusal, refusalOf } from './refusal.ts';
import { SCOPE_OF } from './routes.ts';

/** Longer than a question that waits until it is fresh. */
const ANSWER_MS = 60 * SECOND;
const MAX_AT_ONCE = 64;

export interface Asked {
  readonly pipeline: Hosted;
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

export type BoundedAsk = <Q extends Question>(asked: Asked, question: Q, request: unknown) => Promise<AnswerOf<Q>>;

export const boundedAsk = (telemetry: Pick<Telemetry, 'asked'>): BoundedAsk => {
  let answered = 0;

  return async ({ pipeline, caller, signal }, question, request) => {
    const beganAt = performance.now();
    const tell = (status: number) => {
      const seconds = (performance.now() - beganAt) / SECOND;
      telemetry.asked({ question, by: caller.name, status, seconds });
    };
    const over = new AbortController();
    const stop = either([signal, over.signal]);
    try {
      if (!caller.scopes.has(SCOPE_OF[question])) throw new Refusal(403, `this token is not for ${question}`);
      if (answered >= MAX_AT_ONCE) throw new Refusal(503, `${MAX_AT_ONCE} questions are being answered`);
      answered += 1;
      const answering = answerTo(
        question,
        { pipeline, mayRead: caller.mayRead(pipeline), signal: stop.signal },
        request,
      );
      // Also when nobody waits for it any more: a dependency that is down must not gather questions without end.
      const settled = () => {
        answered -= 1;
      };
      answering.then(settled, settled);
      const answer = await Promise.race([answering, tooLate(over.signal)]);
      tell(200);
      return answer;
    } catch (error) {
      tell(refusalOf(error).status);
      throw error;
    } finally {
      over.abort();
      stop.release();
    }
  };
};

const tooLate = async (over: AbortSignal): Promise<never> => {
  await stay(ANSWER_MS, over);
  throw new Refusal(503, `there was no answer within ${ANSWER_MS / SECOND} seconds; status says what waits`);
};
