/** Writes documents until it is killed, and says on standard output which ones it was told are durable. */
import type { Point } from '../../../src/ports.ts';
import { openEmbedded } from '../../../src/sinks/embedded/embedded.ts';

const [file = '', prefix = ''] = process.argv.slice(2);
const { state, store } = await openEmbedded({ file });
await store.create('g', 4);
const generation = store.generation('g');

const point = (document: string, id: string): Point => ({
  ...{ id, document, seq: 1, startLine: 1, endLine: 1, commit: 'c', heading: [], language: 'text' },
  ...{ text: id, embed: id, hash: id, vector: Float32Array.of(1, 0, 0, 0) },
});

const write = async (worker: number) => {
  for (let i = 0; ; i += 1) {
    const document = `${prefix}/${worker}/${i}`;
    const chunks = [`${document}#0`, `${document}#1`];
    await generation.upsert(chunks.map((id) => point(document, id)));
    await generation.record(
      {
        ...{ document, seq: 1, status: 'indexed', reason: '', blob: 'b', indexedBlob: 'b', rules: 'r', chunks },
        ...{ embedded: 2, reused: 0, commit: 'c', at: 1 },
      },
      'lower',
    );
    await state.raise('missing', [{ key: document, scope: prefix, seq: 1, token: 't', value: { blob: 'b' } }]);
    process.stdout.write(`${document}\n`);
  }
};
await Promise.all(Array.from({ length: 16 }, (_, worker) => write(worker)));
