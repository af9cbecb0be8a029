/** A question over HTTP as its caller may ask it: with its scopes, of its projects, in time, and not too many at once. */
import { type AnswerOf, answerTo, type Question } from '../api/questions.ts';
import { messageOf } from '../errors.ts';
import type { Hosted } from '../pipeline/host.ts';
import { either } from '../runtime/either.ts';
import { stay } from '../runtime/time.ts';
import type { Telemetry } from '../telemetry.ts';
import { SECOND } from '../units.ts';
import type { Caller } from './callers.ts';
import { notAnswered, Refusal, refusalOf } from './refusal.ts';
import { SCOPE_OF } from './routes.ts';

/** Longer than a question that waits until it is fresh. */
const ANSWER_MS = 60 * SECOND;
const MAX_AT_ONCE = 64;
/** Of one caller: whoever asks without end, or waits until all is fresh, leaves room for the others. */
const MAX_AT_ONCE_OF_ONE = 48;

export interface Asked {
  readonly pipeline: Hosted;
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

export type BoundedAsk = <Q extends Question>(asked: Asked, question: Q, request: unknown) => Promise<AnswerOf<Q>>;

export const boundedAsk = (telemetry: Pick<Telemetry, 'asked' | 'requestFailed'>): BoundedAsk => {
  let answered = 0;
  /** By the name of who asks; nobody stands here for long. */
  const answeredTo = new Map<string, number>();
  const count = ({ name }: Caller, more: 1 | -1) => {
    answered += more;
    const left = (answeredTo.get(name) ?? 0) + more;
    if (left > 0) answeredTo.set(name, left);
    else answeredTo.delete(name);
  };

  return async ({ pipeline, caller, signal }, question, request) => {
    const beganAt = performance.now();
    const tell = (status: number, error?: string) => {
      const seconds = (performance.now() - beganAt) / SECOND;
      telemetry.asked({ question, by: caller.name, status, seconds, ...(error === undefined ? {} : { error }) });
    };
    const over = new AbortController();
    const stop = either([signal, over.signal]);
    try {
      if (!caller.scopes.has(SCOPE_OF[question])) throw new Refusal(403, `this token is not for ${question}`);
      if (answered >= MAX_AT_ONCE) throw new Refusal(503, `${MAX_AT_ONCE} questions are being answered`);
      if ((answeredTo.get(caller.name) ?? 0) >= MAX_AT_ONCE_OF_ONE)
        throw new Refusal(503, `${MAX_AT_ONCE_OF_ONE} questions of this token are being answered`);
      count(caller, 1);
      const answering = answerTo(
        question,
        { pipeline, mayRead: caller.mayRead(pipeline), signal: stop.signal },
        request,
      );
      // Also when nobody waits for it any more: a dependency that is down must not gather questions without end.
      const settled = () => count(caller, -1);
      answering.then(settled, settled);
      const answer = await Promise.race([answering, tooLate(over.signal)]);
      tell(200);
      return answer;
    } catch (error) {
      const refusal = toldTo(caller, pipeline, error);
      tell(refusal.status, refusal.status === 503 && refusal !== error ? messageOf(error) : undefined);
      if (refusal.status === 500) telemetry.requestFailed({ error: messageOf(error) });
      throw refusal;
    } finally {
      over.abort();
      stop.release();
    }
  };
};

/** What went wrong may quote addresses, paths and projects that whoever asks may not know of; then the log has it. */
const toldTo = (caller: Caller, pipeline: Hosted, error: unknown): Refusal => {
  const refusal = refusalOf(error);
  if (refusal.status === 500) return notAnswered();
  if (refusal.status === 503 && refusal !== error && caller.mayRead(pipeline) !== undefined)
    return new Refusal(503, 'this cannot be answered now; the log of the service says why');
  return refusal;
};

const tooLate = async (over: AbortSignal): Promise<never> => {
  await stay(ANSWER_MS, over);
  throw new Refusal(503, `there was no answer within ${ANSWER_MS / SECOND} seconds; status says what waits`);
};
