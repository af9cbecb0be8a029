import { Registry } from 'prom-client';
import { expect, it } from 'vitest';
import { registerGauges } from '../../src/http/gauges.ts';
import type { ProjectRow } from '../../src/records.ts';
import { makePipeline } from '../support/pipeline.ts';

const row: ProjectRow = {
  ...{
    path: 'team/a',
    url: undefined,
    visibility: 'private',
    groups: [],
    refs: [],
    blocked: undefined,
    reopened: false,
  },
};

it('blocked projects are counted from their rows, also those that were blocked before this process began', async () => {
  const { parts, close } = makePipeline();
  const blocked = { reason: '403 Forbidden', at: 1 };
  const rows = Object.entries({
    a: { ...row, blocked },
    b: { ...row, blocked },
    c: { ...row, hidden: 'gone' },
    d: row,
  });
  for (const [key, value] of rows)
    await parts.state.swap('projects', { key, scope: 'projects', seq: 1, token: key, value }, undefined);
  const registry = new Registry();
  registerGauges(registry, [{ name: 'default', parts }]);
  expect(await registry.metrics()).toContain('tidemark_projects_blocked{pipeline="default"} 2');
  await close();
});
