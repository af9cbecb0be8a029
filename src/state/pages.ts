import type { Generation, Page, Row, State, Table } from '../ports.ts';

async function* paged<T>(ask: (cursor: string | undefined) => Promise<Page<T>>): AsyncGenerator<readonly T[]> {
  let cursor: string | undefined;
  do {
    const page = await ask(cursor);
    yield page.rows;
    cursor = page.next;
  } while (cursor !== undefined);
}

/** A whole scope, page by page. */
export const pages = <T extends Table>(state: State, table: T, scope: string) =>
  paged<Row<T>>((cursor) => state.page(table, scope, cursor));

export async function* rows<T extends Table>(state: State, table: T, scope: string): AsyncGenerator<Row<T>> {
  for await (const page of pages(state, table, scope)) yield* page;
}

/** Every ref's wants, page by page. */
export async function* wantPages(state: State): AsyncGenerator<readonly Row<'wants'>[]> {
  for await (const ref of rows(state, 'refs', 'refs')) yield* pages(state, 'wants', ref.key);
}

export const ledgerPages = (generation: Generation) => paged((cursor) => generation.ledgerPage(cursor));

export const pointPages = (generation: Generation) => paged((cursor) => generation.pointPage(cursor));

/** The documents of entries that no want asks for, page by page of the ledger. */
export async function* unwantedPages(state: State, generation: Generation): AsyncGenerator<readonly string[]> {
  for await (const page of ledgerPages(generation)) {
    const live = page.filter(({ status }) => status !== 'gone').map(({ document }) => document);
    const wants = await state.read('wants', live);
    yield live.filter((document) => !wants.has(document));
  }
}
