/** What the environment says goes before the file. */

type Tree = Record<string, unknown>;
type Path = readonly string[];

export interface Override {
  readonly name: string;
  readonly description: string;
  /** Where the value goes, given what is there already; none where it says nothing. */
  readonly paths: (tree: Tree) => readonly Path[];
  readonly read?: (value: string) => unknown;
}

export const isTree = (value: unknown): value is Tree =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const at = (tree: Tree, path: Path): unknown =>
  path.reduce<unknown>((value, key) => (isTree(value) ? value[key] : undefined), tree);

/** Only while that kind is the one in use, so that one environment serves several configurations. */
const forKind = (section: string, kind: string, key: string) => (tree: Tree) =>
  at(tree, [section, 'kind']) === kind ? [[section, key]] : [];

const pipelinesOf = (tree: Tree): readonly string[] =>
  isTree(tree.pipelines) ? Object.keys(tree.pipelines) : tree.pipelines === undefined ? ['default'] : [];

const forEmbedders = (kinds: readonly string[], key: string) => (tree: Tree) =>
  pipelinesOf(tree)
    .map((pipeline) => ['pipelines', pipeline, 'embedder'])
    .filter((path) => kinds.includes(String(at(tree, [...path, 'kind']))))
    .map((path) => [...path, key]);

/** In the order in which they apply: kinds first, since others depend on them. */
export const overrides: readonly Override[] = [
  {
    name: 'TIDEMARK_DATA',
    description: '`data`, relative to the current directory',
    paths: () => [['data']],
  },
  {
    name: 'TIDEMARK_LOG',
    description: '`log.kind`: `embedded` or `kafka`',
    paths: () => [['log', 'kind']],
  },
  {
    name: 'TIDEMARK_KAFKA_BROKERS',
    description: '`log.brokers`, separated by commas, where the log is `kafka`',
    paths: forKind('log', 'kafka', 'brokers'),
    read: (value) => value.split(',').map((broker) => broker.trim()),
  },
  {
    name: 'TIDEMARK_STORE',
    description: '`store.kind`: `embedded` or `qdrant`',
    paths: () => [['store', 'kind']],
  },
  {
    name: 'TIDEMARK_QDRANT_URL',
    description: '`store.url`, where the store is `qdrant`',
    paths: forKind('store', 'qdrant', 'url'),
  },
  {
    name: 'TIDEMARK_QDRANT_API_KEY',
    description: '`store.apiKey`, where the store is `qdrant`',
    paths: forKind('store', 'qdrant', 'apiKey'),
  },
  {
    name: 'TIDEMARK_EMBEDDER',
    description: '`embedder.kind` of every pipeline: `static`, `transformers` or `openai`',
    paths: (tree) => pipelinesOf(tree).map((pipeline) => ['pipelines', pipeline, 'embedder', 'kind']),
  },
  {
    name: 'TIDEMARK_EMBEDDER_MODEL',
    description: '`embedder.model` of every pipeline whose embedder is `transformers` or `openai`',
    paths: forEmbedders(['transformers', 'openai'], 'model'),
  },
  {
    name: 'TIDEMARK_EMBEDDER_URL',
    description: '`embedder.url` of every pipeline whose embedder is `openai`',
    paths: forEmbedders(['openai'], 'url'),
  },
  {
    name: 'TIDEMARK_EMBEDDER_API_KEY',
    description: '`embedder.apiKey` of every pipeline whose embedder is `openai`',
    paths: forEmbedders(['openai'], 'apiKey'),
  },
  {
    name: 'TIDEMARK_HTTP_PORT',
    description: '`http.port`',
    paths: () => [['http', 'port']],
  },
];

const FILE_VARIABLE = 'TIDEMARK_CONFIG';
export const fileVariable = {
  name: FILE_VARIABLE,
  description: 'the file to read instead of `tidemark.yaml` in the current directory',
};

/** Another kind has other options: what the file says about the one that is replaced goes with it. */
const replaced = (section: unknown, key: string, value: unknown): unknown => {
  if (section === undefined) return { [key]: value };
  if (!isTree(section)) return section;
  return key === 'kind' && section.kind !== value ? { kind: value } : { ...section, [key]: value };
};

const withValue = (tree: unknown, [key = '', ...rest]: Path, value: unknown): unknown => {
  if (rest.length === 0) return replaced(tree, key, value);
  if (tree !== undefined && !isTree(tree)) return tree;
  return { ...tree, [key]: withValue(tree?.[key], rest, value) };
};

export interface Overridden {
  readonly tree: Tree;
  /** Which variable a value came from, by its path joined with dots. */
  readonly origins: ReadonlyMap<string, string>;
}

/** An empty variable says nothing: that is how compose files pass on what is not set. */
export const override = (tree: Tree, env: Readonly<Record<string, string | undefined>>): Overridden => {
  const origins = new Map<string, string>();
  const result = overrides.reduce<Tree>((before, { name, paths, read }) => {
    const value = env[name];
    if (!value) return before;
    return paths(before).reduce<Tree>((changing, path) => {
      origins.set(path.join('.'), name);
      return withValue(changing, path, read ? read(value) : value) as Tree;
    }, before);
  }, tree);
  return { tree: result, origins };
};
