/** `GET /metrics`, for the port of the API or for one of its own. */
import type { Registry } from 'prom-client';
import { kept } from '../runtime/kept.ts';
import { SECOND } from '../units.ts';
import { answer } from './answer.ts';
import type { Page } from './pages.ts';

/** Far below the interval of any Prometheus; who asks more often reads the log and the store no more often for that. */
const KEPT_MS = 1 * SECOND;

export const figuresOf = (registry: Registry): Page => {
  const figures = kept(() => registry.metrics(), KEPT_MS);
  return async (_, response) => answer(response, 200, registry.contentType, await figures());
};
