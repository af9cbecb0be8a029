import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { REMEDIES, remedyOf } from '../../src/runs/remedies.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const sources = execFileSync('git', ['ls-files', 'src'], { cwd: root, encoding: 'utf8' }).trim().split('\n');
const written = sources.map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
/** `unknown` is what is no `DeadLetter` at all. */
const thrown = new Set(['unknown', ...[...written.matchAll(/new DeadLetter\(\s*'(\w+)'/g)].map(([, kind]) => kind)]);

describe('what to do about a dead letter', () => {
  it('is said of each class that is thrown, and of no other', () => {
    expect(thrown.size).toBeGreaterThan(5);
    expect(Object.keys(REMEDIES).sort()).toEqual([...thrown].sort());
  });

  it('is a command that there is, and names options that there are', () => {
    for (const [kind, remedy] of Object.entries(REMEDIES)) {
      expect(remedy, kind).toMatch(new RegExp(`\`tidemark dead-letters (replay|discard) --class ${kind}\``));
      const limits = configSchema.parse({}).limits as Readonly<Record<string, unknown>>;
      for (const [, option = ''] of remedy.matchAll(/`limits\.(\w+)/g))
        expect(Object.keys(limits), remedy).toContain(option);
    }
  });

  it('is said of a class of another version too', () => {
    expect(remedyOf('constructor')).toContain('`tidemark dead-letters replay --class constructor`');
  });
});
