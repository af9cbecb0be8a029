/** Credentials where they are easily overlooked, in URLs and among fields: left out where they are stored. Where they are shown `maskedText` covers them. */
import { isSecretParameter } from '../errors.ts';

/** Not `pad_token`, which shapes what a model makes of a text. */
const FIELD =
  /^(?:token|key|secret|.*(?:api|access|private|secret|auth|bearer|client|session)[-_]?(?:token|key|secret)|.*(?:password|passwd|passphrase|authorization|credentials?))$/i;
const isSecretField = (name: string): boolean => FIELD.test(name);

export const withoutCredentials = (text: string): string => {
  const url = new URL(text);
  const secrets = [...url.searchParams.keys()].filter(isSecretParameter);
  if (url.username === '' && url.password === '' && secrets.length === 0) return text;
  [url.username, url.password] = ['', ''];
  for (const name of secrets) url.searchParams.delete(name);
  return url.href;
};

/** The other way round, with those of another URL. */
export const withCredentials = (text: string, from: string): string => {
  const [url, other] = [new URL(text), new URL(from)];
  const secrets = [...other.searchParams].filter(([name]) => isSecretParameter(name));
  if (other.username === '' && other.password === '' && secrets.length === 0) return text;
  [url.username, url.password] = [other.username, other.password];
  for (const [name, value] of secrets) url.searchParams.set(name, value);
  return url.href;
};

type Fields = { readonly [name: string]: unknown };

const isFields = (value: unknown): value is Fields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

export const withoutSecretFields = <T extends Fields>(fields: T): T =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([name, value]) =>
      isSecretField(name) ? [] : [[name, isFields(value) ? withoutSecretFields(value) : value]],
    ),
  ) as T;

export const withSecretFields = <T extends Fields>(fields: T, from: T): T => ({
  ...fields,
  ...Object.fromEntries(
    Object.entries(from).flatMap(([name, value]) => {
      if (isSecretField(name)) return [[name, value]];
      const inside = fields[name];
      return isFields(inside) && isFields(value) ? [[name, withSecretFields(inside, value)]] : [];
    }),
  ),
});
