/** Calls made side by side go together: while requests are out, the next one gathers. */
export interface GatherOptions<I> {
  /** How much of one request the item takes. An item that takes more than all of it goes alone. */
  readonly share: (item: I) => number;
  /** Requests that are out at a time. */
  readonly parallel: number;
}

/** An order of its own has only what goes into one request. When a request fails, so does everybody who is in it. */
export const gathered = <I, O>(
  send: (items: readonly I[]) => Promise<readonly O[]>,
  { share, parallel }: GatherOptions<I>,
): ((items: readonly I[]) => Promise<O[]>) => {
  interface Waiting {
    readonly item: I;
    readonly resolve: (answer: O) => void;
    readonly reject: (error: unknown) => void;
  }
  let queue: Waiting[] = [];
  let out = 0;
  let planned = false;

  const next = (): Waiting[] => {
    let taken = 0;
    let filled = 0;
    for (const { item } of queue) {
      filled += share(item);
      if (taken > 0 && filled > 1) break;
      taken += 1;
    }
    const some = queue.slice(0, taken);
    queue = queue.slice(taken);
    return some;
  };

  const request = async () => {
    const some = next();
    try {
      const answers = await send(some.map(({ item }) => item));
      for (const [at, { resolve }] of some.entries()) resolve(answers[at] as O);
    } catch (error) {
      for (const { reject } of some) reject(error);
    }
    out -= 1;
    start();
  };
  const start = () => {
    planned = false;
    while (queue.length > 0 && out < parallel) {
      out += 1;
      void request();
    }
  };
  /** At the end of this turn of the event loop, so that calls made side by side meet. */
  const plan = () => {
    if (planned || out >= parallel) return;
    planned = true;
    setImmediate(start);
  };

  return (items) =>
    Promise.all(
      items.map(
        (item) =>
          new Promise<O>((resolve, reject) => {
            queue.push({ item, resolve, reject });
            plan();
          }),
      ),
    );
};
