import { describe, expect, it } from 'vitest';
import { realServer } from '../../support/real-server.ts';
import { throughGit } from './through-git.ts';
import { throughGitlab } from './through-gitlab.ts';

const seeds = (count: number) => Array.from({ length: count }, (_, at) => at + 1);
const kafka = await realServer('Kafka');

describe('after a random history the index is what git says', { timeout: 240_000 }, () => {
  it.concurrent.for(seeds(15))('seed %i', async (seed) => {
    expect(await throughGit(seed), `npm run trial -- random --histories 1 --seed ${seed}`).toEqual([]);
  });

  it.concurrent.for(seeds(3))('from GitLab, seed %i', async (seed) => {
    expect(await throughGitlab(seed), `npm run trial -- random --through gitlab --histories 1 --seed ${seed}`).toEqual(
      [],
    );
  });

  it.skipIf(!kafka)('from GitLab on Kafka, seed 4', async () => {
    expect(await throughGitlab(4, kafka)).toEqual([]);
  });
});
