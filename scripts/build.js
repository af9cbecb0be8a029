/**
 * Writes `dist`: what runs as a few large files, since finding and reading some thousand small ones is most of what a
 * command would take, and types for whoever imports the library.
 *
 *     node scripts/build.js [DIRECTORY, emptied first] [--no-types]
 */
import { spawnSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const [given] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const outdir = given ?? join(root, 'dist');

/** Each is loaded by its file: the executable, the library, and threads with what they are told to load. */
const ENTRIES = [
  'main',
  'tidemark',
  'content/content-thread',
  'embedders/static/static-thread',
  'embedders/token-counter',
  'embedders/transformers/transformers-thread',
  'sinks/embedded/checker',
  'sinks/embedded/searcher',
  'sinks/embedded/writer',
];

/** They look for files of their own beside themselves, or we look into them. */
const LEFT_WHERE_THEY_ARE = ['@vscode/tree-sitter-wasm', '@xenova/transformers', 'kafkajs', 'libsql', 'prom-client'];

rmSync(outdir, { recursive: true, force: true });
await build({
  entryPoints: ENTRIES.map((entry) => join(root, 'src', `${entry}.ts`)),
  // Side by side: what a module finds from where it stands, it finds from any of these files.
  entryNames: '[name]',
  outdir,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  external: LEFT_WHERE_THEY_ARE,
  // Packages in CommonJS ask for modules of Node by it.
  banner: {
    js: "import { createRequire as requireOf } from 'node:module'; const require = requireOf(import.meta.url);",
  },
  sourcemap: 'linked',
  sourcesContent: false,
  logLevel: 'warning',
});

if (!process.argv.includes('--no-types')) {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const args = [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', outdir];
  process.exitCode = spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1;
}
