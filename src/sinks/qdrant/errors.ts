/** What an error of a request to Qdrant asks for. */
import { codeOf, reasonOf, StopFlow, TLS_FAULT, TryAgain } from '../../errors.ts';
import { SECOND } from '../../units.ts';

export const statusOf = (error: unknown): number | undefined => {
  const status = fieldOf(error, 'status');
  return typeof status === 'number' ? status : undefined;
};

/** A server that refuses us, or our request, has to be seen to by a person; whatever else may pass by itself. */
export const reaction = (action: string, error: unknown): TryAgain | StopFlow => {
  const status = statusOf(error);
  const said = saidBy(error);
  const message = `Qdrant: ${action}: ${status === undefined ? '' : `${status} `}${said ?? reasonOf(error)}`;
  if (status === undefined) {
    return TLS_FAULT.test(codeOf(fieldOf(error, 'cause')))
      ? new StopFlow(`${message}. Node trusts further authorities through NODE_EXTRA_CA_CERTS`, { cause: error })
      : new TryAgain(message, { cause: error, retryAfterMs: retryAfterOf(error) });
  }
  if (status === 401) return new StopFlow(`${message}. Check store.apiKey`, { cause: error });
  if (status === 413)
    return new StopFlow(`${message}. Something before Qdrant takes no request of 4 MiB`, { cause: error });
  // Of what stands between us and Qdrant, which knows nothing about what we ask for.
  const ours = said !== undefined && status >= 400 && status < 500 && status !== 408 && status !== 429;
  if (ours && !said.startsWith('Storage locked')) return new StopFlow(message, { cause: error });
  return new TryAgain(message, { cause: error, retryAfterMs: retryAfterOf(error) });
};

/** Qdrant's own words. */
const saidBy = (error: unknown): string | undefined => {
  const said = fieldOf(fieldOf(fieldOf(error, 'data'), 'status'), 'error');
  return typeof said === 'string' ? said : undefined;
};

/** The client reads this header itself, but only its first character. */
const retryAfterOf = (error: unknown): number => {
  const headers = fieldOf(error, 'headers');
  const seconds = headers instanceof Headers ? headers.get('retry-after') : fieldOf(error, 'retry_after');
  return Math.max(0, Number(seconds ?? 0) * SECOND) || 0;
};

const fieldOf = (of: unknown, name: string): unknown =>
  typeof of === 'object' && of !== null ? Reflect.get(of, name) : undefined;
