/** Which question is asked where. The API and its OpenAPI file both come from here. */
import type { Question } from '../api/questions.ts';
import type { TokenScope } from './callers.ts';

export interface Route {
  readonly question: Question;
  readonly method: 'GET' | 'POST';
  /** With a part in braces it stands for all that begins as it does. */
  readonly path: string;
}

export const routes: readonly Route[] = [
  { question: 'search', method: 'POST', path: '/v1/search' },
  { question: 'similar', method: 'POST', path: '/v1/similar' },
  { question: 'read', method: 'GET', path: '/v1/documents/{path}' },
  { question: 'status', method: 'GET', path: '/v1/status' },
];

export const SCOPE_OF: Readonly<Record<Question, TokenScope>> = {
  search: 'search',
  similar: 'search',
  read: 'search',
  status: 'status',
};

/** What comes before the part in braces. */
export const beginOf = ({ path }: Pick<Route, 'path'>): string => path.replace(/\{.*$/, '');

export const routeOf = (pathname: string): Route | undefined =>
  routes.find((route) => (route.path.endsWith('}') ? pathname.startsWith(beginOf(route)) : pathname === route.path));
