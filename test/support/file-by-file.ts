/** The product compiled file by file: to ask one of its rooms alone, or to run a program of the tests on it. */
import { execFile } from 'node:child_process';
import { symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** `also` are programs outside of `src`, from the top of the repository. Gives the place of what stood in `src`. */
export const compileFiles = async (directory: string, also: readonly string[] = []): Promise<string> => {
  const project = {
    extends: join(root, 'tsconfig.build.json'),
    compilerOptions: { rootDir: root, outDir: directory, declaration: false, emitDeclarationOnly: false },
    include: ['src', ...also].map((path) => join(root, path)),
  };
  const file = join(directory, 'tsconfig.json');
  await writeFile(file, JSON.stringify(project));
  for (const linked of ['node_modules', 'models', 'package.json'])
    await symlink(join(root, linked), join(directory, linked));
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  await promisify(execFile)(process.execPath, [tsc, '-p', file]);
  return join(directory, 'src');
};
