/**
 * `${VAR}` and `${VAR:-default}` in the strings of the file. As in a shell the default also stands in for an empty
 * variable; `$${` is a plain `${`. What comes in is not expanded again.
 */
export interface Expansion {
  readonly text: string;
  /** What is wrong, one line each. */
  readonly problems: readonly string[];
}

/**
 * YAML takes the braces of an unquoted `[${NAME}]` for its own. So before it reads the file all that could mean something
 * to it inside of a reference is moved out of its way, character by character, so that every place stays where it is.
 */
export const protect = (yaml: string): string =>
  yaml.replace(
    /\$\{[A-Za-z_][A-Za-z0-9_]*(?::-(?:[^}"'\\\r\n$]|\$(?!\{))*)?\}/g,
    (whole) => `$${moved(whole.slice(1), 0, AWAY)}`,
  );

export const restore = (text: string): string =>
  text.replace(/\$\uE07B[^\uE07D]*\uE07D/g, (whole) => `$${moved(whole.slice(1), AWAY, -AWAY)}`);

/** A private area of Unicode. */
const AWAY = 0xe000;

const moved = (text: string, from: number, by: number): string =>
  text.replace(/[^A-Za-z0-9_]/g, (character) => {
    const code = character.charCodeAt(0);
    return code >= from && code < from + 128 ? String.fromCharCode(code + by) : character;
  });

/** None stands inside of another, so that each text is gone through once. */
const reference = /\$\$\{|\$\{((?:[^}$]|\$(?!\{))*)\}|\$\{/g;
const inside = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

/** The variables that a text asks for. */
export const variablesIn = (text: string): readonly string[] =>
  [...text.matchAll(reference)].flatMap(([, content]) => inside.exec(content ?? '')?.[1] ?? []);

export const expand = (text: string, env: Readonly<Record<string, string | undefined>>): Expansion => {
  const problems = new Set<string>();
  const expanded = text.replace(reference, (whole, content?: string) => {
    if (whole === '$${') return '${';
    const [, name, otherwise] = inside.exec(content ?? '') ?? [];
    if (name === undefined) {
      problems.add('expected ${NAME} or ${NAME:-default}, or $${ for a plain ${');
      return whole;
    }
    const value = env[name];
    if (otherwise !== undefined) return value || otherwise;
    if (value === undefined) problems.add(`the environment has no ${name}: set it, or write \${${name}:-default}`);
    return value ?? whole;
  });
  return { text: expanded, problems: [...problems] };
};
