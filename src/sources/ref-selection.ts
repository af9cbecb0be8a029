/** Which branches are indexed: by name, or by a pattern in which `*` is any run of characters, as in protected branches. */

/** Without names it is the default branch, whichever that is. */
export type RefNames = readonly string[];

export const isPattern = (name: string): boolean => name.includes('*');

const matcher = (name: string): RegExp =>
  new RegExp(
    `^${name
      .split('*')
      .map((part) => part.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&'))
      .join('.*')}$`,
    'su',
  );

export const refSelection = (names: RefNames): ((ref: string) => boolean) => {
  const patterns = names.map(matcher);
  return (ref) => patterns.some((pattern) => pattern.test(ref));
};
