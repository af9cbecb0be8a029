/** What a format must say of itself. A format is one file here and one line in `registry.ts`. */
import type { Text } from '../records.ts';

/** What people look for in a file; a filter of search. */
export const FILE_KINDS = ['code', 'docs', 'config'] as const;
export type FileKind = (typeof FILE_KINDS)[number];

/** How a file is recognised. Names and extensions in lower case, extensions without their dot. */
export interface Kind {
  /** As editors and highlighters call it. */
  readonly language: string;
  readonly mediaType: string;
  readonly extensions?: readonly string[];
  readonly names?: readonly string[];
  /** Programs of a shebang, without directory and version: `python` for `#!/usr/bin/env python3.11`. */
  readonly programs?: readonly string[];
}

export interface Format {
  readonly name: string;
  /** Raised with every change that makes another text of the same bytes: texts made by older rules are made again. */
  readonly version: number;
  readonly kinds: readonly Kind[];
  /** `content` is whole, valid, without a byte order mark, and its lines end in a line feed alone. */
  text(content: string, kind: Kind): Text;
}

/** For formats whose files are their own best text. */
export const asItStands = (content: string, { language, mediaType }: Kind): Text => ({ content, language, mediaType });
