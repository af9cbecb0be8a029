import { firstValueFrom, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { StopFlow } from '../../src/errors.ts';
import { blockProject } from '../../src/operators/set-aside.ts';
import { superseded } from '../../src/operators/stage.ts';
import { byOurRules, inOpenProject, wanted } from '../../src/operators/wanted.ts';
import { type Change, projectKey, refKey } from '../../src/records.ts';
import { keyOf, MAIN, memoryParts } from '../support/memory-parts.ts';

const change = (of: Partial<Change> = {}): Change => ({
  ...{ v: 1, document: keyOf('a.md'), type: '100644', blob: 'b', rules: 'r1', seq: 3, runs: [], commit: 'c' },
  ...of,
});

const withWant = async (seq: number) => {
  const memory = await memoryParts();
  const document = keyOf('a.md');
  const value = { document, type: '100644', blob: 'b', rules: 'r1', seq };
  await memory.state.raise('wants', [{ key: document, scope: refKey(MAIN), seq, token: '', value }]);
  return memory;
};

describe('what a want asks for', () => {
  it('goes on, as it is', async () => {
    const { parts } = await withWant(3);
    const one = change();
    expect(await firstValueFrom(of(one).pipe(wanted(parts)))).toBe(one);
  });

  it.each([
    ['a higher seq', 4],
    ['a lower seq', 2],
  ])('is not what the change says when the want has %s', async (_, seq) => {
    const { parts } = await withWant(seq);
    expect(await firstValueFrom(of(change()).pipe(wanted(parts)))).toEqual(superseded('a newer want'));
  });

  it('is nothing where no want stands', async () => {
    const { parts } = await memoryParts();
    expect(await firstValueFrom(of(change()).pipe(wanted(parts)))).toEqual(superseded('no want'));
  });
});

describe('a change', () => {
  it('by our rules goes on, whatever rules the pipeline has by now', async () => {
    const { parts } = await memoryParts();
    const one = change();
    expect(await firstValueFrom(of(one).pipe(byOurRules(parts)))).toBe(one);
  });

  it('by older rules is superseded', async () => {
    const { parts } = await memoryParts();
    expect(await firstValueFrom(of(change({ rules: 'r0' })).pipe(byOurRules(parts)))).toEqual(
      superseded('a change by older rules'),
    );
  });

  it('by newer rules means that this process is old, and stops it', async () => {
    const { parts, state } = await memoryParts();
    await state.raise('rules', [{ key: 'rules', scope: 'rules', seq: 9, token: 't', value: { rules: 'r2' } }]);
    await expect(firstValueFrom(of(change({ rules: 'r2' })).pipe(byOurRules(parts)))).rejects.toBeInstanceOf(StopFlow);
  });

  it('of a blocked project is superseded, and of any other goes on', async () => {
    const { parts } = await memoryParts();
    const one = change();
    expect(await firstValueFrom(of(one).pipe(inOpenProject(parts)))).toBe(one);
    await blockProject(parts, projectKey({ ...MAIN, project: '8' }), '403');
    expect(await firstValueFrom(of(one).pipe(inOpenProject(parts)))).toBe(one);
    await blockProject(parts, projectKey(MAIN), '403');
    expect(await firstValueFrom(of(one).pipe(inOpenProject(parts)))).toEqual(superseded('project is closed'));
  });
});
