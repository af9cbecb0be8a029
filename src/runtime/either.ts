/**
 * A signal that aborts with the first of several, and lets go of them when it is released. `AbortSignal.any` keeps one
 * that was listened to for as long as any of its sources lives, and some of ours live as long as the process.
 */
export const either = (sources: readonly AbortSignal[]): { readonly signal: AbortSignal; release(): void } => {
  const first = new AbortController();
  const abort = () => first.abort();
  for (const source of sources) source.addEventListener('abort', abort, { once: true });
  if (sources.some(({ aborted }) => aborted)) abort();
  return {
    signal: first.signal,
    release() {
      for (const source of sources) source.removeEventListener('abort', abort);
    },
  };
};
