import type { Action, History } from './history.ts';
import { runHistory } from './run.ts';

const MOST_RUNS = 400;

/** The shortest history that chance and a budget find which still violates something. */
export const shrink = async (history: History): Promise<History> => {
  let runs = 0;
  const fails = async (candidate: History) => {
    runs += 1;
    return runs <= MOST_RUNS && (await runHistory(candidate)).violations.length > 0;
  };
  let smallest = history;
  const attempt = async (candidate: History): Promise<boolean> => {
    if (!(await fails(candidate))) return false;
    smallest = candidate;
    return true;
  };

  await attempt({ ...smallest, flaky: 0 });
  while (smallest.processes > 1 && (await attempt({ ...smallest, processes: smallest.processes - 1 })));
  for (let size = Math.ceil(smallest.actions.length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let from = 0; from < smallest.actions.length; ) {
      const actions = smallest.actions.filter((_, index) => index < from || index >= from + size);
      if (!(await attempt({ ...smallest, actions }))) from += size;
    }
  }
  for (let index = 0; index < smallest.actions.length; index += 1) {
    const action = smallest.actions[index] as Action;
    const simpler = [{ ...action, after: 0 }, ...fewerEdits(action)];
    for (const other of simpler) {
      if (other.after === action.after && other === action) continue;
      await attempt({ ...smallest, actions: smallest.actions.map((old, at) => (at === index ? other : old)) });
    }
  }
  return smallest;
};

const fewerEdits = (action: Action): Action[] =>
  action.do === 'push' && action.edits.length > 1
    ? action.edits.map((edit) => ({ ...action, edits: action.edits.filter((other) => other !== edit) }))
    : [];

const WRITES =
  /swap|raise|remove|append|record|upsert|prune|forget|activate|create|drop|VIOLATED|====|DIES|STOPS|ENDS|FAILS/;

/** What a person reads of a failure: the actions, and of the trace what changed anything. */
export const report = async (history: History): Promise<string> => {
  const { violations, trace } = await runHistory(history, { tracing: true });
  const { seed, processes, flaky, strict, actions } = history;
  return [
    `seed ${seed}, ${processes} processes, flaky ${flaky}${strict ? ', strict' : ''}`,
    ...actions.map((action) => `  ${JSON.stringify(action)}`),
    ...trace.filter((line) => WRITES.test(line)).map((line) => line.slice(0, 200)),
    ...violations.map((violation) => `violated: ${violation}`),
  ].join('\n');
};
