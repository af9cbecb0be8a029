/**
 * A glob over paths as `.gitignore` has it, for the search filter of both stores: `*` and `?` stay within a folder,
 * `**` crosses them, `[a-z]` and `{a,b}` choose. A pattern without a slash matches at any depth; one that names a
 * folder matches what is below it.
 */
export const globPattern = (glob: string): RegExp => {
  const { body, anywhere } = partsOf(glob);
  return new RegExp(`^${anywhere ? '(?:.*/)?' : ''}${translated(body)}(?:/.*)?$`, 'su');
};

/** What each path that matches has, for stores that look such things up. Less than the glob says, never more. */
export interface Needed {
  /** The path itself or a folder above it. */
  readonly path?: string;
  /** Each of them is a part of the path. */
  readonly names: readonly string[];
  /** Some part of the path ends with it: it is the last dot in that part and what follows. */
  readonly ending?: string;
}

export const neededBy = (glob: string): Needed => {
  const { body, anywhere } = partsOf(glob);
  const parts = body.split('/');
  const literals = parts.map((part) => !/[*?[\]\\{},]/.test(part));
  const first = literals.indexOf(false);
  const prefix = parts.slice(0, first < 0 ? parts.length : first);
  const path = anywhere || prefix.length === 0 ? {} : { path: prefix.join('/') };
  // A choice may reach across parts, and `a**/b` also stands for `ab`.
  if (/[{\\[]|[^/]\*\*\//.test(body)) return { ...path, names: [] };
  const ending = /\.[^.*?\],}]+$/.exec(parts.at(-1) ?? '')?.[0];
  return {
    ...path,
    names: parts.filter((_, at) => literals[at] && (anywhere || at >= prefix.length)),
    ...(ending === undefined || literals.at(-1) ? {} : { ending }),
  };
};

const partsOf = (glob: string): { readonly body: string; readonly anywhere: boolean } => {
  const body = glob.replace(/^\.?\//, '').replace(/\/$/, '');
  return { body, anywhere: !glob.startsWith('/') && !body.includes('/') };
};

const TOKEN = /\*\*\/|\*\*|\*|\?|\[[!^]?[^\]]+\]|\\.|[{},]|[\s\S]/gu;

const translated = (glob: string): string => {
  let depth = 0;
  const tokens = glob.match(TOKEN) ?? [];
  // A brace that nothing closes is a brace.
  let open = 0;
  const closed = tokens.every((token) => {
    open += token === '{' ? 1 : token === '}' ? -1 : 0;
    return open >= 0;
  });
  const choices = closed && open === 0;
  return tokens
    .map((token) => {
      if (token === '**/') return '(?:.*/)?';
      if (token === '**') return '.*';
      if (token === '*') return '[^/]*';
      if (token === '?') return '[^/]';
      if (token.length > 1 && token.startsWith('[')) return characters(token);
      if (token.length > 1 && token.startsWith('\\')) return literal(token.slice(1));
      if (choices && token === '{') {
        depth += 1;
        return '(?:';
      }
      if (depth > 0 && token === ',') return '|';
      if (depth > 0 && token === '}') {
        depth -= 1;
        return ')';
      }
      return literal(token);
    })
    .join('');
};

/** One that no character can be in, as `[b-a]`, is taken as it is written. */
const characters = (set: string): string => {
  const negated = /^\[[!^]/.test(set);
  const inside = set.slice(negated ? 2 : 1, -1).replace(/[\\[\]^&]/g, '\\$&');
  const backwards = [...inside.matchAll(/(.)-(.)/gsu)].some(([, from = '', to = '']) => from > to);
  return backwards ? literal(set) : `[${negated ? '^/' : ''}${inside}]`;
};

const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
