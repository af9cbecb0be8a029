import type { Generation, Row, State, Table } from '../ports.ts';
import type { LedgerEntry } from '../records.ts';

/** A whole scope, page by page. */
export async function* pages<T extends Table>(
  state: State,
  table: T,
  scope: string,
): AsyncGenerator<readonly Row<T>[]> {
  let cursor: string | undefined;
  do {
    const page = await state.page(table, scope, cursor);
    yield page.rows;
    cursor = page.next;
  } while (cursor !== undefined);
}

export async function* rows<T extends Table>(state: State, table: T, scope: string): AsyncGenerator<Row<T>> {
  for await (const page of pages(state, table, scope)) yield* page;
}

/** Every ref's wants, page by page. */
export async function* wantPages(state: State): AsyncGenerator<readonly Row<'wants'>[]> {
  for await (const ref of rows(state, 'refs', 'refs')) yield* pages(state, 'wants', ref.key);
}

export async function* ledgerPages(generation: Generation): AsyncGenerator<readonly LedgerEntry[]> {
  let cursor: string | undefined;
  do {
    const page = await generation.ledgerPage(cursor);
    yield page.rows;
    cursor = page.next;
  } while (cursor !== undefined);
}
