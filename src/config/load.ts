/**
 * Reads the configuration: the file, then the environment over it, then what only holds for the whole. This is the one
 * place that looks at either, through what is handed in.
 */
import { basename, dirname, join, resolve } from 'node:path';
import { BadConfiguration, messageOf } from '../errors.ts';
import type { EmbedderOptions } from './embedder.ts';
import { fileVariable, isTree, override } from './environment.ts';
import { expand } from './expand.ts';
import { type ParsedFile, parseFile } from './file.ts';
import { clash, names } from './names.ts';
import { isDirectory, isRemote } from './paths.ts';
import { serversOf } from './pipeline.ts';
import { dotted, oneLine, type Path, type Problem, problemsOf } from './problems.ts';
import { type Ground, type Reach, reachesOf, Untrusted } from './reach.ts';
import { type Config, configSchema, type PipelineOptions } from './schema.ts';
import { namedVariables, ownVariables, withSecretFiles } from './secret-files.ts';
import { userOf } from './user.ts';

export interface Surroundings {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  /** The file's content; `undefined` when there is no such file. */
  readonly read: (path: string) => Promise<string | undefined>;
  /** Goes before the environment and before what lies there. */
  readonly named?: Named | undefined;
  readonly found: Found;
}

/** A file that a person has named, which is the word that it needs. */
export interface Named {
  readonly file: string;
  /** What they named it by, for errors. */
  readonly by: string;
}

/** How a file is judged that was merely found. */
export interface Found extends Pick<Ground, 'real'> {
  /** The repository that it was found in. */
  readonly root: string | undefined;
  /** Whether a person has said so of this very content. */
  readonly isTrusted: (file: string, content: string) => Promise<boolean>;
}

export interface Loaded {
  readonly config: Config;
  /** Where it stands, if it is a file. */
  readonly file: string | undefined;
}

export const DEFAULT_FILE = 'tidemark.yaml';

export const namedIn = ({ env, named }: Pick<Surroundings, 'env' | 'named'>): Named | undefined => {
  const file = env[fileVariable.name];
  return named ?? (file ? { file, by: fileVariable.name } : undefined);
};

/** Throws `BadConfiguration` that names all there is to mend, a line each; `Untrusted` before anything is filled in. */
export const loadConfig = async (around: Surroundings): Promise<Loaded> => {
  const { env: given, cwd, read, found } = around;
  const named = namedIn(around);
  const name = named?.file ?? DEFAULT_FILE;
  const file = resolve(cwd, name);
  const content = await read(file);
  if (content === undefined && named)
    throw new BadConfiguration(`read the configuration: ${named.by} names "${named.file}", and there is no such file`);

  const readAt = (path: string) => read(resolve(cwd, path));
  const own = await withSecretFiles(given, ownVariables, readAt);
  if (content !== undefined && !named && !(await found.isTrusted(file, content))) {
    const { written, reaches } = await reachOf(content, file, own, found);
    if (reaches.length > 0) throw new Untrusted(file, reaches, written);
  }

  const env = await withSecretFiles(own, namedVariables(content ?? ''), readAt);
  const parsed = parseFile(content ?? '', (text) => expand(text, env));
  const value = withoutNothing(parsed.value ?? {});
  if (!isTree(value)) throw refused([`${name}:1:1: expected a section with pipelines, log, store or others`]);
  const { tree, origins } = override(value, env);
  const checked = configSchema.safeParse(tree);
  const base = content === undefined ? cwd : dirname(file);
  const bases = { base, dataBase: origins.has('data') ? cwd : base, cache: cacheOf(env, cwd) };
  const config = checked.success ? resolved(checked.data, bases) : undefined;
  const troubles = config
    ? conflicts(config)
    : (checked.error?.issues ?? []).flatMap((issue) =>
        problemsOf(issue, tree, (path) => (origins.has(dotted(path)) ? undefined : parsed.written(path))),
      );
  const problems = lines(name, parsed, troubles, origins);
  if (!config || problems.length > 0) throw refused(problems);
  return { config, file: content === undefined ? undefined : file };
};

/** What a file reaches for, beside what the environment says in its place. */
export const reachOf = async (
  content: string,
  file: string,
  env: Surroundings['env'],
  { root, real }: Pick<Found, 'root' | 'real'>,
): Promise<{ readonly written: object; readonly reaches: readonly Reach[] }> => {
  const value = withoutNothing(parseFile(content, (text) => ({ text, problems: [] })).value ?? {});
  // What is no section is refused, and does nothing.
  const overridden = override(isTree(value) ? value : {}, env);
  const base = dirname(file);
  return { written: overridden.tree, reaches: await reachesOf(overridden, { base, root: root ?? base, real }) };
};

const refused = (problems: readonly string[]): BadConfiguration =>
  new BadConfiguration(`read the configuration:\n${problems.map((problem) => `  ${oneLine(problem)}`).join('\n')}`);

/** A key with nothing after it holds its default; a pipeline or source with nothing is one with all defaults. */
const withoutNothing = (value: unknown, named = false): unknown => {
  if (Array.isArray(value)) return value.map((item) => withoutNothing(item));
  if (!isTree(value)) return value;
  const entries = Object.entries(value).flatMap(([key, item]) => {
    if (item === null) return named || key === 'git' || key === 'gitlab' ? [[key, {}]] : [];
    return [[key, withoutNothing(item, key === 'pipelines')]];
  });
  return Object.fromEntries(entries);
};

/** One line a problem, in the order of the file; what has already been said of a place is not said again. */
const lines = (
  name: string,
  parsed: ParsedFile,
  found: readonly Problem[],
  origins: ReadonlyMap<string, string>,
): readonly string[] => {
  const from = (path: Path): string | undefined =>
    path.map((_, at) => origins.get(dotted(path.slice(0, at + 1)))).find((origin) => origin !== undefined);
  const inFile = found
    .filter(({ path, stray }) => !from(path) && (stray || !parsed.unfilled(path)))
    .map(({ path, message }) => ({ ...parsed.place(path), message: `${dotted(path) || 'it'}: ${message}` }));
  return [
    ...[...parsed.problems, ...inFile]
      .sort((a, b) => a.line - b.line || a.column - b.column)
      .map(({ line, column, message }) => `${name}:${line}:${column}: ${message}`),
    ...new Set(found.flatMap(({ path, message }) => (from(path) ? [`${from(path)}: ${message}`] : []))),
  ];
};

/** What each option allows by itself and not beside the others. */
const conflicts = (config: Config): readonly Problem[] => {
  const pipelines = Object.entries(config.pipelines);
  const sides = pipelines.flatMap(([name, options], at) =>
    pipelines.slice(0, at).flatMap(([otherName, other]): Problem[] => {
      const found = clash(names(otherName, other), names(name, options));
      if (!found) return [];
      const message = `expected names of its own, and "${otherName}" has ${found.what} too`;
      return [{ path: ['pipelines', name, found.option], message }];
    }),
  );
  const none: Problem[] =
    pipelines.length > 0 ? [] : [{ path: ['pipelines'], message: 'expected at least one pipeline' }];
  return [
    ...none,
    ...sides,
    ...pipelines.flatMap(([name, options]) => sourceConflicts(name, options)),
    ...unknownUsers(config),
  ];
};

const unknownUsers = (config: Config): readonly Problem[] =>
  config.http.tokens.flatMap(({ as }, at): readonly Problem[] => {
    if (as === undefined) return [];
    try {
      userOf(as, serversOf(config));
      return [];
    } catch (error) {
      return [{ path: ['http', 'tokens', at, 'as'], message: messageOf(error) }];
    }
  });

const sourceConflicts = (pipeline: string, { sources }: PipelineOptions): readonly Problem[] => {
  const seen = new Set<string>();
  return sources.flatMap(({ git, gitlab }, at): Problem[] => {
    const path = ['pipelines', pipeline, 'sources', at];
    if ((git === undefined) === (gitlab === undefined))
      return [{ path, message: 'expected one of git and gitlab in each item' }];
    if (gitlab?.name === 'git')
      return [
        { path: [...path, 'gitlab', 'name'], message: 'expected another name: "git" is that of plain repositories' },
      ];
    if (gitlab && gitlab.groups.length + gitlab.projects.length === 0)
      return [{ path: [...path, 'gitlab'], message: 'expected groups or projects to index' }];
    const kind = git ? 'git' : 'gitlab';
    const name = (git ?? gitlab)?.name;
    const key = `${kind} ${name}`;
    if (seen.has(key))
      return [
        { path: [...path, kind, 'name'], message: `expected a name of its own, and another source is "${name}" too` },
      ];
    seen.add(key);
    return [];
  });
};

interface Bases {
  readonly base: string;
  readonly dataBase: string;
  /** Of models that are downloaded. */
  readonly cache: string;
}

const cacheOf = (env: Surroundings['env'], cwd: string): string =>
  join(env.XDG_CACHE_HOME || join(env.HOME || env.USERPROFILE || cwd, '.cache'), 'tidemark', 'models');

/** What is relative to the file becomes absolute, and every source has its name. */
const resolved = (config: Config, { base, dataBase, cache }: Bases): Config => ({
  ...config,
  ...(config.data === undefined ? {} : { data: resolve(dataBase, config.data) }),
  log:
    config.log.kind === 'kafka' && config.log.tls ? { ...config.log, tls: placed(config.log.tls, base) } : config.log,
  pipelines: Object.fromEntries(
    Object.entries(config.pipelines).map(([name, pipeline]) => {
      const sources = pipeline.sources.map(({ git, gitlab, ...source }) => {
        if (gitlab?.tokenFile !== undefined)
          return { ...source, gitlab: { ...gitlab, tokenFile: resolve(base, gitlab.tokenFile) } };
        if (gitlab) return { ...source, gitlab };
        if (!git) return source;
        const path = isRemote(git.path) ? git.path : resolve(base, git.path);
        return { ...source, git: { ...git, path, name: git.name ?? gitName(path) } };
      });
      return [name, { ...pipeline, sources, embedder: resolvedEmbedder(pipeline.embedder, base, cache) }];
    }),
  ),
});

const resolvedEmbedder = (embedder: EmbedderOptions, base: string, cache: string): EmbedderOptions => {
  if (embedder.kind !== 'transformers') return embedder;
  const { model } = embedder;
  return {
    ...embedder,
    model: isDirectory(model) ? resolve(base, model) : model,
    cache: embedder.cache === undefined ? cache : resolve(base, embedder.cache),
  };
};

type Tls = NonNullable<Extract<Config['log'], { kind: 'kafka' }>['tls']>;

const placed = ({ ca, cert, key, ...rest }: Tls, base: string): Tls => ({
  ...rest,
  ...(ca === undefined ? {} : { ca: resolve(base, ca) }),
  ...(cert === undefined ? {} : { cert: resolve(base, cert) }),
  ...(key === undefined ? {} : { key: resolve(base, key) }),
});

/** The name of the directory or of the remote repository, made to fit a key. */
const gitName = (path: string): string =>
  basename(path)
    .replace(/\.git$/, '')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[^A-Za-z0-9]+/, '')
    .slice(0, 100) || 'repository';
