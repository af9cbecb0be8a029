/** Embedding within a budget, whoever embeds: what a day has cost is a row of the state. */
import { BudgetSpent } from '../errors.ts';
import type { Embedder, State, Time } from '../ports.ts';
import { update } from '../state/update.ts';

export interface Budget {
  /** Of a day. */
  readonly tokens: number;
  readonly state: State;
  readonly time: Time;
}

/** Questions are answered however much was spent: they cost next to nothing. */
export const withinBudget = (embedder: Embedder, budget: Budget): Embedder => ({
  ...embedder,
  async embed(texts, kind) {
    if (kind === 'passage')
      await spend(
        budget,
        texts.reduce((sum, text) => sum + embedder.tokens(text), 0),
      );
    return embedder.embed(texts, kind);
  },
});

/** Before it is spent, so that a process that dies in between has spent too little and never too much. */
const spend = async (budget: Budget, tokens: number): Promise<void> => {
  const day = new Date(budget.time.now()).toISOString().slice(0, 10);
  await update(budget, 'budgets', day, (before) => {
    const spent = (before?.tokens ?? 0) + tokens;
    if (spent > budget.tokens)
      throw new BudgetSpent(
        `the budget of ${budget.tokens} tokens a day is used up (limits.budget.tokens): the next start goes on, tomorrow or with a larger one`,
      );
    return { tokens: spent };
  });
};
