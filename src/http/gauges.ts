/** What stands at the moment somebody looks: read then, and never counted along the way. */
import { Gauge, type Registry } from 'prom-client';
import type { Pipeline } from '../pipeline/open.ts';
import { activeGeneration } from '../state/generations.ts';
import { lagOf } from '../state/lag.ts';
import { rows } from '../state/pages.ts';

export const registerGauges = (registry: Registry, pipelines: readonly Pick<Pipeline, 'name' | 'parts'>[]): void => {
  const registers = [registry];
  new Gauge({
    name: 'tidemark_lag_records',
    help: 'Records of the log that a flow has not settled',
    labelNames: ['pipeline', 'flow'],
    registers,
    async collect() {
      for (const { name: pipeline, parts } of pipelines) {
        const { events, changes, documents } = await lagOf(parts);
        this.set({ pipeline, flow: 'plan' }, events);
        this.set({ pipeline, flow: 'collect' }, changes);
        this.set({ pipeline, flow: 'index' }, documents);
      }
    },
  });
  new Gauge({
    name: 'tidemark_projects_blocked',
    help: 'Projects that cannot be read: the instance refuses them, or they fail again and again',
    labelNames: ['pipeline'],
    registers,
    async collect() {
      for (const { name: pipeline, parts } of pipelines) {
        let blocked = 0;
        for await (const { value } of rows(parts.state, 'projects', 'projects')) if (value.blocked) blocked += 1;
        this.set({ pipeline }, blocked);
      }
    },
  });
  new Gauge({
    name: 'tidemark_indexed',
    help: 'Documents and points of the active generation',
    labelNames: ['pipeline', 'what'],
    registers,
    async collect() {
      for (const { name: pipeline, parts } of pipelines) {
        const active = await activeGeneration(parts);
        if (active === undefined) continue;
        const { documents, points } = await parts.store.generation(active).counts();
        this.set({ pipeline, what: 'documents' }, documents);
        this.set({ pipeline, what: 'points' }, points);
      }
    },
  });
};
