/** Which branches are indexed: by name, or by a pattern in which `*` is any run of characters, as in protected branches. */
import { pathToBytes } from './bytes.ts';
import { ANY, literal, many, matcher, type Rule, sequence } from './matcher.ts';

/** Without names it is the default branch, whichever that is. */
export type RefNames = readonly string[];

export const isPattern = (name: string): boolean => name.includes('*');

/** What no branch has in its name: git refuses it, and reads some of it as a pattern or as another file. */
const IMPOSSIBLE = /^\/|\/\/|\/$|\.$|\.\.|@\{|[\0- \x7f~^:?[\\]|(?:^|\/)\.(?!wiki$)|\.lock(?:\/|$)/;

/** Whether a branch may be called so, or some branches may match it. */
export const isBranchName = (name: string): boolean => {
  if (name === '' || IMPOSSIBLE.test(name)) return false;
  try {
    return pathToBytes(name).length > 0;
  } catch {
    return false;
  }
};

const ruleOf = (name: string): Rule => {
  // Several stars in a row say what one says, and each would be looked at again and again.
  const parts = name.split(/\*+/).flatMap((part, at) => (at === 0 ? [literal(part)] : [many(ANY), literal(part)]));
  return { pattern: sequence(...parts), files: true, folders: false, takes: true };
};

export const refSelection = (names: RefNames): ((ref: string) => boolean) => matcher(names.map(ruleOf));
