/** Which branches are indexed: by name, or by a pattern in which `*` is any run of characters, as in protected branches. */
import { ANY, literal, many, matcher, type Rule, sequence } from './matcher.ts';

/** Without names it is the default branch, whichever that is. */
export type RefNames = readonly string[];

export const isPattern = (name: string): boolean => name.includes('*');

const ruleOf = (name: string): Rule => {
  const parts = name.split('*').flatMap((part, at) => (at === 0 ? [literal(part)] : [many(ANY), literal(part)]));
  return { pattern: sequence(...parts), files: true, folders: false, takes: true };
};

export const refSelection = (names: RefNames): ((ref: string) => boolean) => matcher(names.map(ruleOf));
