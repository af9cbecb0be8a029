import { gitignoreRule } from './gitignore.ts';
import { matcher } from './matcher.ts';

/**
 * Patterns have the syntax of `.gitignore`, and apply to paths as `ports.ts` describes them. `?` is one character of
 * that string, where git, which knows no characters, takes it for a byte.
 */
export interface SelectionOptions {
  /**
   * A path, or a folder that it lies in, must match one of these. What is to be taken back from a folder belongs into
   * `exclude`: as in a `.gitignore`, `!` has no effect below a folder that matches.
   */
  readonly include: readonly string[];
  /** A path must match none of these. Given in the configuration they replace the defaults. */
  readonly exclude: readonly string[];
}

/** What people did not write, or would not look for by its meaning. */
export const DEFAULT_EXCLUDE: readonly string[] = [
  // Vendored: other people's code would answer questions that are about this repository.
  ...['node_modules/', 'bower_components/', 'jspm_packages/', 'vendor/', 'third_party/', 'third-party/'],
  ...['Pods/', 'Carthage/', 'site-packages/', '.venv/', '.yarn/', '.pnp.cjs', '.pnp.loader.mjs'],
  ...['gradlew', 'gradlew.bat', 'gradle/wrapper/', 'mvnw', 'mvnw.cmd', '.mvn/wrapper/'],
  // Lock files: long, written by programs, and full of names that match everything.
  ...['package-lock.json', 'npm-shrinkwrap.json', 'yarn.lock', 'pnpm-lock.yaml', 'bun.lock', 'bun.lockb', 'deno.lock'],
  ...['composer.lock', 'Gemfile.lock', 'Podfile.lock', 'Cartfile.resolved', 'Package.resolved', 'Cargo.lock'],
  ...['go.sum', 'go.work.sum', 'poetry.lock', 'Pipfile.lock', 'uv.lock', 'pdm.lock', 'pixi.lock', 'conda-lock.yml'],
  ...['mix.lock', 'pubspec.lock', 'packages.lock.json', 'paket.lock', 'gradle.lockfile', 'flake.lock', 'conan.lock'],
  ...['.terraform.lock.hcl', 'Chart.lock'],
  // Minified and bundled code, and the maps back to what it was made of.
  ...[
    '*.min.js',
    '*.min.mjs',
    '*.min.cjs',
    '*.min.css',
    '*.bundle.js',
    '*.js.map',
    '*.mjs.map',
    '*.cjs.map',
    '*.css.map',
  ],
  // Generated: what the generator read is there as well, or says nothing in words.
  ...['*.pb.go', '*.pb.gw.go', '*.pb.cc', '*.pb.h', '*.pb.swift', '*_pb2.py', '*_pb2.pyi', '*_pb2_grpc.py', '*_pb.js'],
  ...['*_pb.d.ts', '*.g.dart', '*.freezed.dart', '*.g.cs', '*.designer.cs', '*.Designer.cs', '*.generated.*'],
  ...['*_generated.*', 'zz_generated.*', '__generated__/', '__snapshots__/', '*.snap', '*.svg'],
  // Word lists of tokenizers and searches: every word stands in them, and none means anything there.
  ...['vocab.txt', '*.vocab.txt', 'merges.txt', 'thesaurus.txt', 'synonyms.txt', 'stopwords.txt', '*.dic'],
  // Build output and caches that were committed. No `build/` and no `bin/`: many keep their own scripts there.
  ...['dist/', '.next/', '.nuxt/', '.svelte-kit/', '.turbo/', '.gradle/', '.terraform/', '__pycache__/', '*.egg-info/'],
  ...['.ipynb_checkpoints/', 'lcov.info', '.tidemark/'],
];

export const DEFAULT_SELECTION: SelectionOptions = { include: ['**/*'], exclude: DEFAULT_EXCLUDE };

type Matcher = (path: string) => boolean;

const EVERYTHING = new Set(['*', '**', '**/*']);
const LETTERS = '[\\w.~+@-]';
/**
 * Names with a star at most, or a name between two stars, below folders without any. Only of those does a regular
 * expression cost no more than the path is long: it has one star to try, from where a name begins, or none.
 */
const PLAIN = new RegExp(
  `^(?:\\*${LETTERS}+\\*?|${LETTERS}+\\*?${LETTERS}*|(?:${LETTERS}+/)+${LETTERS}*\\*?${LETTERS}+)/?$`,
);

/**
 * One regular expression for all of them. A pattern with a slash inside counts from the top, one that begins with a star
 * at any letter, the others where a name begins: told apart, since most places of most paths then fail at one letter.
 */
const plainly = (patterns: readonly string[]): Matcher => {
  const starts = new Map<string, string[]>();
  for (const pattern of patterns) {
    const folder = pattern.endsWith('/');
    const name = folder ? pattern.slice(0, -1) : pattern;
    const start = name.includes('/') ? '^' : name.startsWith('*') ? '' : '(?:^|/)';
    const body = (start === '' ? name.slice(1) : name).replace(/[.+]/g, '\\$&').replaceAll('*', '[^/]*');
    starts.set(start, [...(starts.get(start) ?? []), `${body}${folder ? '/' : '(?:/|$)'}`]);
  }
  const pattern = new RegExp([...starts].map(([start, bodies]) => `${start}(?:${bodies.join('|')})`).join('|'));
  return (path) => pattern.test(path);
};

/**
 * A path is judged for each file of each tree, and most patterns are names and stars: a regular expression for all of
 * those takes a third of the time. Only where nothing is negated, so that the order of patterns means nothing.
 */
const anyOf = (patterns: readonly string[]): Matcher => {
  const rules = patterns.flatMap((pattern) => gitignoreRule(pattern) ?? []);
  if (rules.some(({ takes }) => !takes)) return matcher(rules);
  if (patterns.some((pattern) => EVERYTHING.has(pattern))) return () => true;
  const plain = patterns.filter((pattern) => PLAIN.test(pattern));
  const others = patterns.filter((pattern) => !PLAIN.test(pattern));
  const matchers = [
    ...(plain.length > 0 ? [plainly(plain)] : []),
    ...(others.length > 0 ? [matcher(others.flatMap((pattern) => gitignoreRule(pattern) ?? []))] : []),
  ];
  return (path) => matchers.some((matches) => matches(path));
};

/** Whether a path is to be indexed. A path that is not has no want. */
export const selection = ({ include, exclude }: SelectionOptions): ((path: string) => boolean) => {
  const included = anyOf(include);
  const excluded = anyOf(exclude);
  return (path) => included(path) && !excluded(path);
};
