/** What a route answers with. */
import type { Readable } from 'node:stream';

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: Buffer | string | Readable;
}

export const json = (value: unknown, headers: Record<string, string> = {}, status = 200): Answer => ({
  status,
  headers: { 'content-type': 'application/json', ...headers },
  body: JSON.stringify(value),
});

export const notFound = (what: string): Answer => json({ message: `404 ${what} Not Found` }, {}, 404);

/** Offset pages, told by `Link` and `x-next-page` as GitLab does. */
export const offsetPage = <T>(all: readonly T[], url: URL, show: (one: T) => unknown): Answer => {
  const perPage = Math.min(100, Number(url.searchParams.get('per_page') ?? 20));
  const page = Number(url.searchParams.get('page') ?? 1);
  const rows = all.slice((page - 1) * perPage, page * perPage);
  const more = all.length > page * perPage;
  const next = new URL(url);
  next.searchParams.set('page', String(page + 1));
  return json(rows.map(show), {
    'x-page': String(page),
    'x-per-page': String(perPage),
    'x-next-page': more ? String(page + 1) : '',
    ...(more ? { link: `<${next.href}>; rel="next"` } : {}),
  });
};

/** Keyset pages: where the next one starts is known to `Link` alone. */
export const keysetPage = <T>(
  all: readonly T[],
  url: URL,
  { parameter, keyOf, show }: { parameter: string; keyOf: (one: T) => string; show: (one: T) => unknown },
): Answer => {
  const perPage = Math.min(100, Number(url.searchParams.get('per_page') ?? 20));
  const after = url.searchParams.get(parameter);
  const from = after === null ? 0 : all.findIndex((one) => keyOf(one) === after) + 1;
  if (after !== null && from === 0) return json({ message: 'Invalid page token' }, {}, 400);
  const rows = all.slice(from, from + perPage);
  const last = rows.at(-1);
  const next = new URL(url);
  if (last !== undefined) next.searchParams.set(parameter, keyOf(last));
  const more = all.length > from + perPage;
  return json(rows.map(show), more ? { link: `<${next.href}>; rel="next"` } : {});
};
