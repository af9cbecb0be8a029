/** Whether a value was drawn by lot or written by somebody, and which are meant to be replaced. */

const LETTERS = 128;
const counts = new Uint16Array(LETTERS);

/** Bits a character; English is at about 3, 16 random letters and digits at nearly 4. */
const entropy = (text: string): number => {
  counts.fill(0);
  for (let at = 0; at < text.length; at += 1) {
    const letter = text.charCodeAt(at) % LETTERS;
    counts[letter] = (counts[letter] ?? 0) + 1;
  }
  let bits = 0;
  for (const count of counts) if (count > 0) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
};

const RANDOM_BITS = 3.2;
/** Longer ones are judged by their beginning: what a look costs must not grow with what is looked at. */
const JUDGED = 64;

const PLACEHOLDER =
  /example|sample|change.?(?:me|it)|placeholder|dummy|secret|passwor[dt]|xxxx|\*\*\*|\.\.\.|\[redacted|replace|your[-_]|todo|[-_]pass\b|\btoken\b|^\$[{(A-Za-z_]|\$[{(]|\{\{|<[%\w]|^[<%@]|^process\.|^os\./i;

/** Meant to be replaced, or by its own words no secret. */
export const isPlaceholder = (value: string): boolean => PLACEHOLDER.test(value.slice(0, JUDGED));

/** Words and versions, whatever stands between them: `my-app-db-credentials-v2`. */
const SLUG =
  /^[/.:@]?(?:[A-Za-z]{2,40}|[vV]?\d{1,8}|[a-zA-Z]\d?)(?:[-_./:][-_./:]?(?:[A-Za-z]{2,40}|[vV]?\d{1,8}|[a-zA-Z]\d?)){1,20}$/;
/** Longer runs are words, humps of camels or numbers; what was drawn by lot changes its kind every two or three. */
const WORD_RUN = 3.5;

/** 1 for small letters, 2 for capitals, 3 for digits, 0 for what stands between runs. */
const kindOf = (code: number): number =>
  code >= 97 && code <= 122 ? 1 : code >= 65 && code <= 90 ? 2 : code >= 48 && code <= 57 ? 3 : 0;

const isOfWords = (text: string): boolean => {
  let runs = 0;
  let length = 0;
  let capitals = 0;
  let before = 0;
  for (let at = 0; at < text.length; at += 1) {
    const kind = kindOf(text.charCodeAt(at));
    if (kind !== 0) length += 1;
    // One capital begins the word that follows it.
    if (kind !== 0 && kind !== before && !(kind === 1 && capitals === 1)) runs += 1;
    capitals = kind === 2 ? capitals + 1 : 0;
    before = kind;
  }
  return runs === 0 || length / runs >= WORD_RUN;
};

/** Letters that no language puts in a row. */
const UNSPEAKABLE = /[bcdfghjklmnpqrstvwxz]{6}/i;

/** A key or a token: no words, no name, no number. */
export const looksRandom = (value: string): boolean => {
  const text = value.slice(0, JUDGED);
  if (PLACEHOLDER.test(text) || !/[a-z]/i.test(text)) return false;
  if (!/\d/.test(text) && !(/[a-z]/.test(text) && /[A-Z]/.test(text))) return false;
  return !SLUG.test(text) && !isOfWords(text) && entropy(text) >= RANDOM_BITS;
};

/** A name or a word would not be made like that: a digit and a sign, or a digit and both cases. */
export const looksHard = (value: string): boolean =>
  /\d/.test(value) && (/[^\w.:/-]/.test(value) || (/[a-z]/.test(value) && /[A-Z]/.test(value)));

/** What somebody made up to remember: a digit or a sign among letters, or several words, and no expression. */
export const looksChosen = (value: string): boolean => {
  const text = value.slice(0, JUDGED);
  if (text.length < 6 || PLACEHOLDER.test(text) || !/[a-z]/i.test(text)) return false;
  if (/^[\w-]+(?:[.:|/\\][\w-]+)+:?$|^[\w.]+\(|^\/|:\/\//.test(text)) return false;
  if (/^[a-z]+$/i.test(text))
    return UNSPEAKABLE.test(text) || text.length >= 16 || (text.length >= 12 && /[a-z][A-Z]/.test(text));
  if (/^[a-z]+(?:[-_ ][a-z]+)+$/i.test(text)) return text.split(/[-_]/).length >= 3 && text.length >= 14;
  return /\d/.test(text) ? /[a-z]{2}/i.test(text) : /[^\w-]/.test(text) && text.length >= 8;
};
