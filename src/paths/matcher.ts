/**
 * Which of some patterns a path falls under, by one walk over the path that never goes back: all places in all patterns
 * that the path so far may have led to are followed together, so that a character costs at most a look at each of them.
 * (Regular expressions try one place after the other, which takes for ever for `{**,**}{**,**}…`.) Sets of places are
 * numbered when they are first met, and where a character leads from one is looked up from then on: an ordinary path
 * costs a look into a table for each of its characters.
 */

/** Code points from one to another, both of them included. */
type Range = readonly [from: number, to: number];
export type Characters = readonly Range[];

export type Pattern =
  | { readonly is: 'one'; readonly of: Characters }
  | { readonly is: 'many'; readonly of: Characters }
  | { readonly is: 'sequence'; readonly of: readonly Pattern[] }
  | { readonly is: 'choice'; readonly of: readonly Pattern[] };

export interface Rule {
  readonly pattern: Pattern;
  /** Whether it may match the path itself. */
  readonly files: boolean;
  /** Whether it may match a folder above, and with it all that is below. */
  readonly folders: boolean;
  /** What holds for what it matches. */
  readonly takes: boolean;
}

export interface MatcherOptions {
  /** Told of the places that were looked at, whenever a character leads to where none has led before. */
  readonly onSteps?: (steps: number) => void;
}

const LAST = 0x10ffff;
const SLASH = 0x2f;
export const ANY: Characters = [[0, LAST]];
export const NO_SLASH: Characters = [
  [0, SLASH - 1],
  [SLASH + 1, LAST],
];

export const rangeOf = (from: string, to = from): Range => [from.codePointAt(0) ?? 0, to.codePointAt(0) ?? 0];

export const one = (of: Characters): Pattern => ({ is: 'one', of });
export const many = (of: Characters): Pattern => ({ is: 'many', of });
/** Without a sequence inside, so that a star sees all that stands before it. */
export const sequence = (...of: readonly Pattern[]): Pattern => ({
  is: 'sequence',
  of: of.flatMap((part) => (part.is === 'sequence' ? part.of : [part])),
});
export const choice = (...of: readonly Pattern[]): Pattern =>
  of.length === 1 ? (of[0] as Pattern) : { is: 'choice', of };
export const literal = (text: string): Pattern => sequence(...Array.from(text, (char) => one([rangeOf(char)])));
export const NOTHING = sequence();
export const NEVER = choice();
/** Any folders, each with its slash, or none. */
export const FOLDERS = choice(NOTHING, sequence(many(ANY), literal('/')));

const holds = (characters: Characters, char: number): boolean => {
  for (const [from, last] of characters) if (from <= char && char <= last) return true;
  return false;
};

export const except = (characters: Characters): Characters => {
  const left: Range[] = [];
  let from = 0;
  for (const [first, last] of characters.toSorted(([a], [b]) => a - b)) {
    if (first > from) left.push([from, first - 1]);
    from = Math.max(from, last + 1);
  }
  return from > LAST ? left : [...left, [from, LAST]];
};

/** A place in a pattern: it takes a character and leads on, or leads to others at once, or is the end of a rule. */
interface Place {
  readonly takes?: Characters;
  readonly to: readonly number[];
  readonly rule?: number;
  /** From the place behind this one up to here, all match only what this one matches as well. */
  covers?: number;
}

/** The last is where all begin. As many places as the patterns have parts, whatever they say. */
const placesOf = (rules: readonly Rule[]): readonly Place[] => {
  const places: Place[] = [];
  const add = (place: Place) => places.push(place) - 1;
  /** The place that takes the characters of the star that was added last. */
  let star: Place | undefined;
  const before = (pattern: Pattern, next: number): number => {
    switch (pattern.is) {
      case 'one':
        return add({ takes: pattern.of, to: [next] });
      case 'many': {
        const to = [next];
        const loop = add({ to });
        star = { takes: pattern.of, to: [loop] };
        to.push(add(star));
        return loop;
      }
      case 'sequence': {
        const from = coveredBy(pattern.of);
        const stars: (Place | undefined)[] = [];
        const lasts: number[] = [];
        let after = next;
        for (let at = pattern.of.length - 1; at >= 0; at -= 1) {
          after = before(pattern.of[at] as Pattern, after);
          lasts[at] = places.length - 1;
          stars[at] = star;
        }
        from.forEach((first, at) => {
          const taker = stars[at];
          if (first < at && taker) taker.covers = lasts[first] ?? -1;
        });
        return after;
      }
      case 'choice':
        return add({ to: pattern.of.map((part) => before(part, next)) });
    }
  };
  add({ to: rules.map(({ pattern }, rule) => before(pattern, add({ to: [], rule }))) });
  return places;
};

const maySlash = (pattern: Pattern): boolean =>
  pattern.is === 'one' || pattern.is === 'many' ? holds(pattern.of, SLASH) : pattern.of.some((part) => maySlash(part));

/**
 * For each part of a sequence the first of those before it that need not be followed any more once the path has come to
 * it, since it takes whatever they would take; its own number where there is none. Without that, `*a*a*a…` is looked at
 * in all its places for each character.
 */
const coveredBy = (parts: readonly Pattern[]): readonly number[] => {
  /** The first of the parts up to here that all stay within a folder. */
  let inside = 0;
  /** Whether what the parts up to here have taken ends with a slash, if it is anything. */
  let whole = true;
  return parts.map((part, at) => {
    const [first, folders] = [inside, whole];
    if (maySlash(part)) inside = at + 1;
    whole = isSlash(part) || (part === FOLDERS && whole);
    if (part === FOLDERS) return folders ? 0 : at;
    if (part.is !== 'many') return at;
    return part.of === ANY ? 0 : part.of === NO_SLASH ? first : at;
  });
};

const isSlash = ({ is, of }: Pattern): boolean =>
  is === 'one' && of.length === 1 && of.every(([from, last]) => from === SLASH && last === SLASH);

/** Characters that all patterns treat alike are of one kind: which are the first of each. */
const kindsOf = (places: readonly Place[]): Uint32Array => {
  const ranges = [...new Set(places.map(({ takes }) => takes))].flatMap((takes) => takes ?? []);
  return Uint32Array.from(new Set([0, ...ranges.flatMap(([from, to]) => [from, to + 1])])).sort();
};

const kindOf = (firsts: Uint32Array, char: number): number => {
  let [low, high] = [0, firsts.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((firsts[middle] ?? 0) <= char) low = middle;
    else high = middle - 1;
  }
  return low;
};

/** Nothing matches from here on. */
const DEAD = 1;
const TAKEN = 1;
const ASCII = 128;
/** Bounds what is remembered, to a megabyte or two; then all is forgotten and learnt again. */
const MAX_STATES = 2 ** 11;
const MAX_KEPT = 2 ** 18;

/**
 * Whether the last of the rules that match takes the path. Folder by folder, as in a `.gitignore`: where a folder is
 * taken, all below it is.
 */
export const matcher = (rules: readonly Rule[], { onSteps }: MatcherOptions = {}): ((path: string) => boolean) => {
  const places = placesOf(rules);
  const firsts = kindsOf(places);
  const seen = new Uint32Array(places.length);
  const room = new Uint32Array(places.length);
  let round = 0;

  /** By what stands in them. A state is the number of a set; the first has none, since 0 is what is not known yet. */
  const numbers = new Map<string, number>();
  let sets: Uint32Array[] = [];
  let kept = 0;
  let start = DEAD;
  const ofFolder = new Uint8Array(MAX_STATES);
  const ofFile = new Uint8Array(MAX_STATES);
  /** Where each character leads from each state: of ASCII in a table that grows, of others by their kind. */
  let table = new Int32Array(0);
  const others = new Map<number, number>();

  /** All places that these lead to without a character, in the order of their numbers; nothing is left of these. */
  const reached = (open: number[]): Uint32Array => {
    round += 1;
    let [steps, found] = [0, 0];
    for (let at = open.pop(); at !== undefined; at = open.pop()) {
      steps += 1;
      if (seen[at] === round) continue;
      seen[at] = round;
      const { takes, to, rule } = places[at] as Place;
      if (takes || rule !== undefined) {
        room[found] = at;
        found += 1;
      } else for (const next of to) open.push(next);
    }
    onSteps?.(steps);
    let [count, covered] = [0, -1];
    for (const at of room.subarray(0, found).sort()) {
      if (at <= covered) continue;
      room[count] = at;
      count += 1;
      covered = Math.max(covered, (places[at] as Place).covers ?? -1);
    }
    return room.slice(0, count);
  };

  const verdict = (set: Uint32Array, of: 'files' | 'folders'): number => {
    let last = -1;
    for (const at of set) {
      const { rule = -1 } = places[at] as Place;
      if (rule > last && rules[rule]?.[of]) last = rule;
    }
    return rules[last]?.takes ? TAKEN : 0;
  };

  const numberOf = (set: Uint32Array): number => {
    const key = Buffer.from(set.buffer).toString('latin1');
    const known = numbers.get(key);
    if (known !== undefined) return known;
    if (sets.length >= MAX_STATES || kept > MAX_KEPT || others.size > MAX_KEPT) forget();
    const number = sets.length;
    numbers.set(key, number);
    sets.push(set);
    ofFolder[number] = verdict(set, 'folders');
    ofFile[number] = verdict(set, 'files');
    kept += set.length;
    if (sets.length * ASCII > table.length) {
      const larger = new Int32Array(2 * sets.length * ASCII);
      larger.set(table);
      table = larger;
    }
    return number;
  };

  const first = reached([places.length - 1]);
  const forget = () => {
    numbers.clear();
    others.clear();
    table.fill(0);
    sets = [new Uint32Array(0)];
    kept = 0;
    numberOf(new Uint32Array(0));
    start = numberOf(first);
  };
  forget();

  const led = (state: number, char: number): number => {
    const kind = kindOf(firsts, char);
    const place = state * firsts.length + kind;
    const known = char < ASCII ? undefined : others.get(place);
    if (known !== undefined) return known;
    const set = sets[state] as Uint32Array;
    const next: number[] = [];
    let steps = 0;
    for (const at of set) {
      const { takes = [], to } = places[at] as Place;
      steps += 1 + takes.length;
      if (holds(takes, char)) for (const place of to) next.push(place);
    }
    onSteps?.(steps);
    const number = numberOf(reached(next));
    // Unless all was forgotten meanwhile, and the number is another's.
    if (sets[state] !== set) return number;
    if (char < ASCII) table[state * ASCII + char] = number;
    else others.set(place, number);
    return number;
  };

  return (path) => {
    let state = start;
    for (let at = 0; at < path.length; at += 1) {
      let char = path.charCodeAt(at);
      if (char === SLASH && ofFolder[state] === TAKEN) return true;
      if (char >= 0xd800 && char < 0xdc00) {
        char = path.codePointAt(at) ?? char;
        if (char > 0xffff) at += 1;
      }
      const next = char < ASCII ? (table[state * ASCII + char] as number) : 0;
      state = next === 0 ? led(state, char) : next;
      if (state === DEAD) return false;
    }
    return ofFile[state] === TAKEN;
  };
};
