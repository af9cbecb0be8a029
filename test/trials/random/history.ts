/** What happens in a random history of a repository, and where. */

import { type Commit, type File, headsOf, type TestRepository } from '../../support/repository.ts';
import type { Random } from '../sim/random.ts';
import { randomFile, randomPath } from './content.ts';

export interface Place {
  /** What git says in the end. */
  readonly repository: TestRepository;
  commit(commit: Commit): Promise<unknown>;
  /** To a commit that is there; `null` deletes the branch, if there is one. */
  move(branch: string, to: string | null): Promise<unknown>;
}

/** A commit, most of the time; else what moves branches about. */
export const change = async (chance: Random, { repository, commit, move }: Place): Promise<void> => {
  const head = (await headsOf(repository)).get('main') ?? '';
  const what = chance.below(12);
  const branch = chance.chance(0.15) ? 'side' : 'main';
  if (what === 0 && head !== '') return void (await repository.git('symbolic-ref', 'HEAD', `refs/heads/${branch}`));
  if (what === 1 && head !== '') return void (await move('side', null));
  if (what === 2 && head !== '') {
    const before = await repository.run(['rev-parse', '-q', '--verify', 'refs/heads/main~1']).catch(() => undefined);
    // Its first commit has none before it.
    if (before) return void (await move('main', before.toString().trim()));
  }
  const files = new Map<string, readonly [string | Buffer, File | null]>();
  const put = (path: string | Buffer, file: File | null) =>
    files.set(Buffer.from(path).toString('latin1'), [path, file]);
  for (let at = 1 + chance.below(12); at > 0; at -= 1) {
    const path = randomPath(chance);
    put(path, chance.chance(0.15) ? null : randomFile(chance, head === '' ? await unborn(repository) : head));
    // The same content in two places, and one of them goes: what git calls a rename.
    if (chance.chance(0.15)) put(randomPath(chance), files.get(Buffer.from(path).toString('latin1'))?.[1] ?? null);
  }
  await commit({ branch, files: files.values(), orphan: what === 3 });
};

/** The id of a commit that is nowhere, as long as ids are there. */
const unborn = async (repository: TestRepository) =>
  '1'.repeat((await repository.git('rev-parse', '--show-object-format')) === 'sha256' ? 64 : 40);
