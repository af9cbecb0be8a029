/** A file's bytes to its text, or the reason why it has none. Pure; runs in the worker. */
import type { SkipReason } from '../ports.ts';
import type { Text } from '../records.ts';
import { KIB } from '../units.ts';
import { decode, decoderVersion } from './decode.ts';
import { isQuoting } from './kinds.ts';
import { claimOf, rulesOf } from './registry.ts';
import { type Redacted, redact, type SecretsPolicy, secretsVersion } from './secrets.ts';

export interface ContentLimits {
  /** Of the file as it is stored. */
  readonly fileBytes: number;
  /** Of the text in UTF-8. */
  readonly textBytes: number;
  /** What becomes of a text in which something looks like a secret. */
  readonly secrets?: SecretsPolicy;
}

export type Converted = { readonly text: Text } | { readonly skip: SkipReason };

/** All that a text owes to this code and its limits: another value, and documents are made again. */
export const converterRules = ({ fileBytes, textBytes, secrets = 'index' }: ContentLimits): string =>
  `decode@${decoderVersion} ${rulesOf()} fileBytes=${fileBytes} textBytes=${textBytes} secrets=${secrets}@${secretsVersion}`;

/** Git LFS says that no pointer is longer than that, and that it begins with its version; `hawser` was its first name. */
const LFS_MAX_BYTES = KIB;
const LFS_POINTER =
  /^version https?:\/\/(?:git-lfs\.github\.com\/spec|hawser\.github\.com\/spec|git-media\.io)\/[^\n]*\n(?:.*\n)*oid /;

export const convert = (path: string, bytes: Uint8Array, limits: ContentLimits): Converted => {
  if (bytes.length === 0) return { skip: 'empty' };
  if (bytes.length > limits.fileBytes) return { skip: 'too_large' };
  const decoded = decode(path, bytes);
  if ('skip' in decoded) return decoded;
  const content = withLineFeeds(decoded.content);
  if (content.trim() === '') return { skip: 'empty' };
  if (bytes.length <= LFS_MAX_BYTES && LFS_POINTER.test(content)) return { skip: 'lfs_pointer' };
  const { secrets = 'index' } = limits;
  const code = isQuoting(claimOf(path, content));
  const redacted: Redacted = secrets === 'index' ? { content, found: [] } : redact(content, { code });
  const { content: told, found } = redacted;
  // What nobody could look at in time may hold any.
  if (redacted.unfinished || (secrets === 'skip' && found.length > 0)) return { skip: 'secret' };
  const { format, kind } = claimOf(path, told);
  const text = { ...format.text(told, kind), ...(found.length > 0 ? { redacted: found } : {}) };
  if (text.content !== told && text.content.trim() === '') return { skip: 'empty' };
  return Buffer.byteLength(text.content) > limits.textBytes ? { skip: 'text_too_large' } : { text };
};

/**
 * CRLF becomes LF: every line keeps its number, and a repository that changes its line endings embeds nothing anew. A
 * carriage return by itself stays, because neither git nor GitLab takes it for the end of a line.
 */
const withLineFeeds = (content: string): string =>
  content.includes('\r\n') ? content.replaceAll('\r\n', '\n') : content;
