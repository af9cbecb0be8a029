/**
 * npm run trial -- NAME [OPTION…]     one of the long programs that try the product hard; without a name, what there is
 *
 * Each says at its top what it does and which options it takes.
 */
interface Trial {
  readonly what: string;
  readonly run: () => Promise<unknown>;
}

const TRIALS: Readonly<Record<string, Trial>> = {
  sim: { what: 'random histories of several processes on simulated engines', run: () => import('./sim/main.ts') },
  mutations: {
    what: 'breaks each protocol step once; the simulation has to notice',
    run: () => import('./sim/mutations.ts'),
  },
  random: {
    what: 'random histories of real repositories, or of a simulated GitLab',
    run: () => import('./random/main.ts'),
  },
  kill: { what: 'a backfill that is killed again and again', run: () => import('./kill/main.ts') },
  chaos: { what: 'three services on Kafka that come, go, die and freeze', run: () => import('./chaos/main.ts') },
  outage: { what: 'the broker or the store is away, fails, or does not answer', run: () => import('./outage/main.ts') },
  requests: { what: 'requests of random shape to every port of a service', run: () => import('./requests/main.ts') },
  globs: { what: 'random globs and patterns, none of which may take long', run: () => import('./globs/main.ts') },
  damage: { what: 'files of the data directory are damaged, told and mended', run: () => import('./damage/main.ts') },
  qdrant: { what: 'all that runs on a real Qdrant, which must be there', run: () => import('./qdrant.ts') },
  models: { what: 'embedders with models that Python packages ship', run: () => import('./models.ts') },
  chunks: { what: 'whether cutting loses a line of the files of a directory', run: () => import('./chunks/main.ts') },
};

const [name = '', ...options] = process.argv.slice(2);
const trial = Object.hasOwn(TRIALS, name) ? TRIALS[name] : undefined;
if (trial) {
  // Each reads its options from where a program of its own would find them.
  process.argv.splice(2, 1 + options.length, ...options);
  await trial.run();
} else {
  if (name !== '') process.stderr.write(`there is no trial ${JSON.stringify(name)}\n\n`);
  process.stderr.write('npm run trial -- NAME [OPTION…]\n\n');
  for (const [known, { what }] of Object.entries(TRIALS)) process.stderr.write(`  ${known.padEnd(10)} ${what}\n`);
  process.exitCode = 2;
}
