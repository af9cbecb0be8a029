import { sourceContract } from '../../contracts/source.ts';
import { open } from '../../support/git-source.ts';
import { makeRepository } from '../../support/repository.ts';

for (const flags of [[], ['--bare']]) {
  sourceContract(`git ${flags.join(' ')}`, { anyBytes: true, sizes: true }, async () => {
    const repository = await makeRepository(flags);
    const again = async () => open(repository.directory, { pageEntries: 1_000 });
    const source = await again();
    const close = async () => {
      await source.close();
      await repository.remove();
    };
    return { source, project: 'handbook', repository, again, close };
  });
}
