/** What a glob means, as a regular expression: short, and never to be used on what others have written. */
const TOKEN = /\*\*\/|\*\*|\*|\?|\[[!^]?[^\]]+\]|\\.|[{},]|[\s\S]/gu;
const MEANING: Readonly<Record<string, string>> = { '**/': '(?:.*/)?', '**': '.*', '*': '[^/]*', '?': '[^/]' };

export const translated = (glob: string): RegExp => {
  const body = glob.replace(/^\.?\//, '').replace(/\/$/, '');
  const tokens = body.match(TOKEN) ?? [];
  const depths = tokens.map((_, at) => tokens.slice(0, at + 1).reduce((sum, token) => sum + depthOf(token), 0));
  const choices = depths.every((depth) => depth >= 0) && (depths.at(-1) ?? 0) === 0;
  const said = tokens.map((token, at) => {
    const meaning = MEANING[token];
    if (meaning !== undefined) return meaning;
    if (token.length > 1 && token.startsWith('[')) return setOf(token);
    if (token.length > 1 && token.startsWith('\\')) return literally(token.slice(1));
    if (choices && token === '{') return '(?:';
    if (choices && token === '}') return ')';
    if (choices && token === ',' && (depths[at] ?? 0) > 0) return '|';
    return literally(token);
  });
  const anywhere = !glob.startsWith('/') && !body.includes('/');
  return new RegExp(`^${anywhere ? '(?:.*/)?' : ''}${said.join('')}(?:/.*)?$`, 'su');
};

const depthOf = (token: string): number => (token === '{' ? 1 : token === '}' ? -1 : 0);

const setOf = (set: string): string => {
  const negated = /^\[[!^]/.test(set);
  const inside = set.slice(negated ? 2 : 1, -1).replace(/[\\[\]^]/g, '\\$&');
  const backwards = [...inside.matchAll(/(.)-(.)/gsu)].some(([, from = '', to = '']) => from > to);
  return backwards ? literally(set) : `[${negated ? '^/' : ''}${inside}]`;
};

const literally = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
