/**
 * Porter's stemmer for English (1980), so that "commit", "commits" and "committed" meet. Both stores rank by these
 * stems: a change here changes every point's terms, so raise `TERMS_VERSION` with it.
 */

const C = '[^aeiou][^aeiouy]*';
const V = '[aeiouy][aeiou]*';
/** Porter's measure m counts the VC pairs: more than none, exactly one, more than one. */
const MORE_THAN_NONE = new RegExp(`^(?:${C})?${V}${C}`);
const EXACTLY_ONE = new RegExp(`^(?:${C})?${V}${C}(?:${V})?$`);
const MORE_THAN_ONE = new RegExp(`^(?:${C})?${V}${C}${V}${C}`);
const HAS_VOWEL = new RegExp(`^(?:${C})?${V}`);
const DOUBLE = /([^aeiouylsz])\1$/;
const SHORT = new RegExp(`^${C}[aeiouy][^aeiouwxy]$`);

const STEP_2 = new Map(
  Object.entries({
    ational: 'ate',
    tional: 'tion',
    enci: 'ence',
    anci: 'ance',
    izer: 'ize',
    bli: 'ble',
    alli: 'al',
    entli: 'ent',
    eli: 'e',
    ousli: 'ous',
    ization: 'ize',
    ation: 'ate',
    ator: 'ate',
    alism: 'al',
    iveness: 'ive',
    fulness: 'ful',
    ousness: 'ous',
    aliti: 'al',
    iviti: 'ive',
    biliti: 'ble',
    logi: 'log',
  }),
);
const STEP_3 = new Map(
  Object.entries({ icate: 'ic', ative: '', alize: 'al', iciti: 'ic', ical: 'ic', ful: '', ness: '' }),
);
/** The longest suffix wins, so the longer ones stand before those that they end in. */
const SUFFIX_2 = new RegExp(`(${[...STEP_2.keys()].sort((a, b) => b.length - a.length).join('|')})$`);
const SUFFIX_3 = new RegExp(`(${[...STEP_3.keys()].sort((a, b) => b.length - a.length).join('|')})$`);
const SUFFIX_4 = /(ement|ance|ence|able|ible|ment|ant|ent|ism|ate|iti|ous|ive|ize|al|er|ic|ou|(?<=[st])ion)$/;

/** Of a word in lower-case ASCII letters. */
export const stem = (word: string): string => {
  if (word.length < 3) return word;
  // A y at the start is a consonant, which the patterns above cannot see.
  const startsWithY = word.startsWith('y');
  let stemmed = startsWithY ? `Y${word.slice(1)}` : word;
  stemmed = plural(stemmed);
  stemmed = past(stemmed);
  if (stemmed.endsWith('y') && HAS_VOWEL.test(stemmed.slice(0, -1))) stemmed = `${stemmed.slice(0, -1)}i`;
  stemmed = replaced(stemmed, SUFFIX_2, STEP_2);
  stemmed = replaced(stemmed, SUFFIX_3, STEP_3);
  const last = SUFFIX_4.exec(stemmed);
  if (last && MORE_THAN_ONE.test(stemmed.slice(0, last.index))) stemmed = stemmed.slice(0, last.index);
  stemmed = tidied(stemmed);
  return startsWithY ? stemmed.toLowerCase() : stemmed;
};

const plural = (word: string): string => {
  if (word.endsWith('sses') || word.endsWith('ies')) return word.slice(0, -2);
  return word.endsWith('s') && !word.endsWith('ss') ? word.slice(0, -1) : word;
};

const past = (word: string): string => {
  if (word.endsWith('eed')) return MORE_THAN_NONE.test(word.slice(0, -3)) ? word.slice(0, -1) : word;
  const suffix = /(ed|ing)$/.exec(word);
  const base = suffix ? word.slice(0, suffix.index) : word;
  if (!suffix || !HAS_VOWEL.test(base)) return word;
  if (/(at|bl|iz)$/.test(base)) return `${base}e`;
  if (DOUBLE.test(base)) return base.slice(0, -1);
  return EXACTLY_ONE.test(base) && SHORT.test(base) ? `${base}e` : base;
};

const replaced = (word: string, suffixes: RegExp, by: ReadonlyMap<string, string>): string => {
  const found = suffixes.exec(word);
  if (!found) return word;
  const base = word.slice(0, found.index);
  return MORE_THAN_NONE.test(base) ? base + by.get(found[0]) : word;
};

const tidied = (word: string): string => {
  let tidy = word;
  if (tidy.endsWith('e')) {
    const base = tidy.slice(0, -1);
    if (MORE_THAN_ONE.test(base) || (EXACTLY_ONE.test(base) && !SHORT.test(base))) tidy = base;
  }
  return tidy.endsWith('ll') && MORE_THAN_ONE.test(tidy) ? tidy.slice(0, -1) : tidy;
};
