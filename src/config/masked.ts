/** A configuration that may be shown: what the schema calls a secret, and passwords in URLs, are covered. */
import type { z } from 'zod';
import { configSchema } from '../config.ts';
import { below, describe } from './walk.ts';

export const MASK = '***';

export const maskedText = (text: string): string => text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^/\s]*@/gi, `$1${MASK}@`);

const cover = (value: unknown, schema: z.ZodType | undefined): unknown => {
  if (schema && describe(schema).meta.secret) return value === undefined ? undefined : MASK;
  if (typeof value === 'string') return maskedText(value);
  if (Array.isArray(value)) return value.map((item, at) => cover(item, schema && below(schema, at, value)));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, cover(item, schema && below(schema, key, value))]),
  );
};

/** The same shape, so that it prints as it was written. */
export const masked = <T extends object>(config: T): T => cover(config, configSchema) as T;
