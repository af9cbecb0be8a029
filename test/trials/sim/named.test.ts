import { describe, expect, it } from 'vitest';
import { changeSchema, decode, documentSchema } from '../../../src/records.ts';
import { DAY, HOUR } from '../../../src/units.ts';
import { POISON } from './content.ts';
import { INSTANCE, NAMES } from './names.ts';
import { blobOf } from './repository.ts';
import { keyOf, PROJECT, REF, scenario } from './scenario.ts';

const SEEDS = Array.from({ length: 5 }, (_, index) => index + 1);

/** Each history is told over several seeds: what is not held back goes on in any order. */
const history = (name: string, tell: (seed: number) => Promise<readonly string[]>) =>
  it.each(SEEDS)(`${name} (seed %i)`, async (seed) => {
    expect(await tell(seed)).toEqual([]);
  });

describe('named histories', () => {
  history('a revert while the change is in flight', async (seed) => {
    const told = scenario(seed);
    told.push({ a: 'ant bee', b: 'cat' });
    await told.rest();
    told.push({ a: 'dog eel', b: 'cat' });
    const release = await told.holding(/^(source\.blobs|embedder\.embed|store\.record)/);
    told.push({ a: 'ant bee', b: 'cat' });
    await told.until(() => told.want('a')?.blob === blobOf('ant bee'), 'the revert is planned');
    release();
    return told.check();
  });

  history('a document deleted and added again in flight', async (seed) => {
    const told = scenario(seed);
    told.push({ a: 'ant bee', b: 'cat' });
    await told.rest();
    told.push({ b: 'cat' });
    const release = await told.holding(/^store\.(record|prune)/);
    told.push({ a: 'ant bee', b: 'cat' });
    await told.until(() => told.want('a')?.blob === blobOf('ant bee'), 'it is wanted again');
    release();
    return told.check();
  });

  history('a crash between appending and recording, followed by a revert', async (seed) => {
    const told = scenario(seed, { processes: 1 });
    told.push({ a: 'ant' });
    await told.rest();
    told.push({ a: 'bee' });
    await told.holding(/^state\.swap "refs".*"dirty":false/, 'p1');
    expect(told.records('changes').length).toBeGreaterThan(1);
    const [first] = told.cluster.members;
    if (first) told.cluster.kill(first);
    told.push({ a: 'ant' }, { announced: false });
    told.cluster.start();
    return told.check();
  });

  history('a record delivered again after it became a dead letter', async (seed) => {
    const told = scenario(seed, { processes: 1 });
    told.push({ a: 'ant bee' });
    await told.rest();
    told.push({ a: `ant ${POISON}` });
    await told.until(() => told.records('deadLetters').length > 0, 'a dead letter');
    const [first] = told.cluster.members;
    if (first) told.cluster.kill(first);
    told.cluster.start();
    await told.rest();
    // The old version can still be found, and the entry says that the new one failed.
    expect(told.entry('a')).toMatchObject({ status: 'failed', indexedBlob: blobOf('ant bee') });
    expect(told.entry('a')?.chunks).toHaveLength(2);
    return told.check();
  });

  history('a replay beside a push that nobody has seen', async (seed) => {
    const told = scenario(seed);
    told.push({ a: 'ant', b: 'bee' });
    await told.rest();
    told.push({ a: 'cat', b: 'dog' }, { announced: false });
    told.event({ paths: ['a'] });
    return told.check();
  });

  history('pushes during a sweep of many pages', async (seed) => {
    const documents = 300;
    const pushes = 8;
    const told = scenario(seed, { processes: 1, pageSize: 4 });
    const contents = Object.fromEntries(Array.from({ length: documents }, (_, index) => [`f${index}`, `ant ${index}`]));
    told.push(contents);
    await told.until(() => told.sweep()?.cursor !== undefined, 'the first page is laid');
    for (let number = 0; number < pushes; number += 1) {
      const path = `f${(number * 37) % documents}`;
      contents[path] = `bee ${number}`;
      told.push(contents);
      await told.until(() => told.entry(path)?.blob === blobOf(`bee ${number}`), `push ${number} can be found`);
      expect(told.sweep(), `push ${number} waited for the sweep`).toMatchObject({ open: true, phase: 'tree' });
    }
    await told.rest();
    const changes = [...told.records('changes'), ...told.records('changesBackfill')].map(({ value }) =>
      decode(changeSchema, value ?? new Uint8Array()),
    );
    expect(new Set(changes.map(({ document }) => document)).size).toBe(documents);
    expect(changes.length).toBeLessThanOrEqual(documents * 1.03);
    return told.check();
  });

  history('a slower writer sweeps while a newer one brings a chunk back', async (seed) => {
    const told = scenario(seed);
    const { world, cluster } = told;
    told.push({ a: 'ant', b: 'dog' });
    await told.rest();
    told.push({ a: 'cat', b: 'dog' });
    // The writer of «cat» freezes before it records: «ant» is still there.
    const slow = await told.freezing(
      (request) => request.startsWith('store.record') && request.includes('main/a'),
      'the entry is on its way',
    );
    // The next version has «ant» again; its writer has taken the first step of the apply when entry and delete arrive.
    const step = (method: string) => (name: string, request: string) =>
      name !== slow.process.name && request.startsWith(`store.${method} `) && request.includes('main/a');
    const letRaise = world.hold(step('raise'));
    const letLook = world.hold(step('present'));
    const asksWant = (_: string, request: string) => request.startsWith('state.read "wants",["sim/1/main/a"]]');
    const letAsk = world.hold(asksWant);
    told.push({ a: 'ant bee', b: 'fox' });
    await told.until(() => told.want('a')?.blob === blobOf('ant bee'), 'the next version is wanted');
    letAsk();
    await told.until(() => world.waits(step('raise')) || world.waits(step('present')), 'the next version is applied');
    const raises = world.waits(step('raise'));
    (raises ? letRaise : letLook)();
    await told.until(() => world.waits(step(raises ? 'present' : 'raise')), 'the second step');
    slow.process.state = 'alive';
    await told.until(() => cluster.broker.lent.get(slow.process.name)?.size === 0, 'the slow one is done');
    (raises ? letLook : letRaise)();
    return told.check();
  });

  history('a writer that wakes up with points of an older version', async (seed) => {
    const told = scenario(seed);
    told.push({ a: 'ant', b: 'dog' });
    await told.rest();
    told.push({ a: 'cat eel', b: 'dog' });
    const slow = await told.freezing((request) => request.startsWith('store.upsert'), 'the points are on their way');
    await told.rest();
    told.push({ a: 'cat dog', b: 'dog' });
    await told.rest();
    slow.process.state = 'alive';
    return told.check();
  });

  history('an overtaken plan that records late, followed by a revert', async (seed) => {
    const told = scenario(seed);
    const { cluster } = told;
    told.push({ a: 'ant' });
    await told.rest();
    told.push({ a: 'bee' });
    const slow = await told.freezing(
      (request) => request.startsWith('log.append "tidemark.default.changes"'),
      'the plan of «bee» is about to append and to record',
    );
    told.push({ a: 'cat' });
    await told.until(
      () => told.entry('a')?.blob === blobOf('cat') && !told.sweep()?.open,
      '«cat» is planned by another',
    );
    slow.process.state = 'alive';
    await told.until(() => cluster.broker.lent.get(slow.process.name)?.size === 0, 'the slow plan is over');
    // Were «bee» recorded as planned now, nothing would differ.
    told.push({ a: 'bee' });
    return told.check();
  });

  history('a revert that is planned while the sweep of what it reverts is open', async (seed) => {
    const told = scenario(seed, { processes: 1 });
    const others = Object.fromEntries(Array.from({ length: 40 }, (_, index) => [`f${index}`, 'dog']));
    told.push({ ...others, z: 'ant' });
    await told.rest();
    told.push({ ...others, z: 'bee' }, { announced: false });
    told.event({ force: true });
    await told.until(() => told.sweep()?.open === true && told.sweep()?.cursor !== undefined, 'the first page is laid');
    // «ant» is what the ledger has, and still it is to be planned: a page that is to come is older, and says «bee».
    told.push({ ...others, z: 'ant' });
    const ref = () => told.cluster.state.inspectOne('refs', [INSTANCE, PROJECT, REF].join('\0'))?.value;
    const head = told.cluster.repositories.newest(PROJECT, REF);
    await told.until(() => ref()?.planned === head && ref()?.dirty === false, 'the revert is planned');
    expect(told.sweep()).toMatchObject({ open: true, phase: 'tree' });
    return told.check();
  });

  history('a change of the backfill lane that comes after a newer one', async (seed) => {
    const told = scenario(seed);
    const hold = told.world.hold((_, request) => request.startsWith('log.within'));
    told.push({ a: 'ant', b: 'ant', c: 'ant', d: 'ant', e: 'ant' });
    await told.until(() => told.sweep()?.open === false, 'the sweep is laid');
    told.push({ a: 'bee', b: 'ant', c: 'ant', d: 'ant', e: 'ant' });
    await told.until(() => told.entry('a')?.blob === blobOf('bee'), 'the push can be found');
    hold();
    await told.rest();
    const texts = told
      .records('documents')
      .filter(({ key }) => key === keyOf('a'))
      .map(({ value }) => decode(documentSchema, value ?? new Uint8Array()).blob);
    // After compaction the log would have nothing but the older text. Before the newer one it may stand: a plan that was
    // overtaken at the start has its paths looked at again, and those are live.
    expect(texts.at(-1)).toBe(blobOf('bee'));
    return told.check();
  });

  history('a text that comes after the tombstone of its document', async (seed) => {
    const told = scenario(seed);
    told.push({ a: 'ant' });
    const slow = await told.freezing(
      (request) => request.startsWith('log.append "tidemark.default.documents"'),
      'the text is on its way',
    );
    await told.rest();
    told.push({ b: 'bee' });
    await told.rest();
    // By the hour, as the clock goes: a day at once gives each timer one chance to find the flows at rest.
    for (let hour = 0; hour < 24 * 9; hour += 1) await told.pass(HOUR);
    expect(told.want('a'), 'its rows are gone').toBeUndefined();
    slow.process.state = 'alive';
    await told.rest();
    expect(told.entry('a')).toBeUndefined();
    return told.check();
  });

  history('a tombstone waits for a generation that is still being built', async (seed) => {
    const told = scenario(seed, { processes: 1 });
    const building = NAMES.generation('g2');
    told.push({ a: 'ant bee', b: 'cat' });
    await told.rest();
    told.cluster.command('reindex', building);
    // The new generation is about to apply the document when it is deleted, and stays there for nine days.
    const writesDocument = (_process: string, request: string) =>
      request.startsWith('store.record') && request.includes('"status":"indexed"') && request.includes('main/a');
    const release = told.world.hold(writesDocument);
    await told.until(() => told.world.waits(writesDocument), 'the document is about to be applied');
    told.push({ b: 'cat' });
    await told.until(() => told.entry('a')?.status === 'gone', 'the active generation has let it go');
    for (let day = 0; day < 9; day += 1) {
      told.world.advance(DAY);
      for (let step = 0; step < 400; step += 1) if (!(await told.world.step())) told.world.jump();
    }
    release();
    await told.rest();
    expect(told.entry('a', building)?.status).not.toBe('indexed');
    expect(told.want(keyOf('a'))).toBeUndefined();
    return told.check();
  });
});
