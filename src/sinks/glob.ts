/**
 * A glob over paths as `.gitignore` has it, for the search filter of both stores: `*` and `?` stay within a folder,
 * `**` crosses them, `[a-z]` and `{a,b}` choose. A pattern without a slash matches at any depth; one that names a
 * folder matches what is below it.
 */
export const globPattern = (glob: string): RegExp => {
  const anchored = glob.startsWith('/');
  const body = glob.replace(/^\.?\//, '').replace(/\/$/, '');
  const anywhere = !anchored && !body.includes('/');
  return new RegExp(`^${anywhere ? '(?:.*/)?' : ''}${translated(body)}(?:/.*)?$`, 'su');
};

const TOKEN = /\*\*\/|\*\*|\*|\?|\[[!^]?[^\]]+\]|\\.|[{},]|[\s\S]/gu;

const translated = (glob: string): string => {
  let depth = 0;
  const tokens = glob.match(TOKEN) ?? [];
  // A brace that nothing closes is a brace.
  const closed = tokens.filter((token) => token === '{').length === tokens.filter((token) => token === '}').length;
  return tokens
    .map((token) => {
      if (token === '**/') return '(?:.*/)?';
      if (token === '**') return '.*';
      if (token === '*') return '[^/]*';
      if (token === '?') return '[^/]';
      if (token.length > 1 && token.startsWith('[')) return characters(token);
      if (token.length > 1 && token.startsWith('\\')) return literal(token.slice(1));
      if (closed && token === '{') {
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

const characters = (set: string): string => {
  const negated = /^\[[!^]/.test(set);
  return `[${negated ? '^/' : ''}${set.slice(negated ? 2 : 1, -1).replace(/[\\[\]^&]/g, '\\$&')}]`;
};

const literal = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
