import { embedderContract } from '../../contracts/embedder.ts';
import { embedder } from './content.ts';

// Its converter and its chunker know words and no files, and `repository.ts` has commits without a repository: the
// contracts of those ports ask about bytes, lines and git, so they run on the real implementations alone.
embedderContract('the simulated embedder', {
  open: embedder,
  count: (text) => text.split(' ').length,
  aloneAndBeside: true,
});
