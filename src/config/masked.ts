/** A configuration that may be shown: what the schema calls a secret, and credentials in URLs, are covered. */
import type { z } from 'zod';
import { MASK, maskedText } from '../errors.ts';
import { configSchema } from './schema.ts';
import { below, describe } from './walk.ts';

const cover = (value: unknown, schema: z.ZodType | undefined, inSecret = false): unknown => {
  const isSecret = inSecret || (schema !== undefined && describe(schema).meta.secret === true);
  if (isSecret && (typeof value !== 'object' || value === null)) return value === undefined ? undefined : MASK;
  if (typeof value === 'string') return maskedText(value);
  if (Array.isArray(value)) return value.map((item, at) => cover(item, schema && below(schema, at, value), isSecret));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, cover(item, schema && below(schema, key, value), isSecret)]),
  );
};

/** The same shape, so that it prints as it was written. */
export const masked = <T extends object>(config: T): T => cover(config, configSchema) as T;
