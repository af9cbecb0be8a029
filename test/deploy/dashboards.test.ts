import { collectDefaultMetrics, type Metric, Registry } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { registerGauges } from '../../src/http/gauges.ts';
import { telemetry } from '../../src/telemetry.ts';
import { textOf, yamlOf } from './files.ts';

interface Panel {
  readonly title: string;
  readonly description: string;
  readonly datasource: { readonly uid: string };
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets: readonly { readonly expr: string; readonly legendFormat: string }[];
}

const dashboard = JSON.parse(textOf('dashboards/tidemark.json')) as { uid: string; panels: readonly Panel[] };
const rules = yamlOf('dashboards/rules.yml').groups[0].rules as readonly { alert: string; expr: string }[];

const registry = new Registry();
collectDefaultMetrics({ register: registry });
const silent = { debug() {}, info() {}, warn() {}, error() {} };
telemetry(silent as never, registry);
registerGauges(registry, []);
const metrics = new Map(
  registry.getMetricsAsArray().map((metric) => {
    const { name, labelNames = [] } = metric as unknown as Metric & { name: string; labelNames: readonly string[] };
    return [name, labelNames];
  }),
);
/** What Prometheus itself adds. */
const SCRAPED = ['job', 'instance', 'le'];

/** Of a histogram. */
const SERIES = /(?<=_seconds)_(?:bucket|sum|count)$/;

/** The metrics that an expression reads, with the labels that it speaks of. */
const readBy = (expr: string) => ({
  names: [...expr.matchAll(/\b(?:tidemark|process|nodejs)_\w+/g)].map(([name]) => name.replace(SERIES, '')),
  labels: [
    ...[...expr.matchAll(/\b(?:by|on) \(([^)]*)\)/g)].flatMap(([, labels = '']) => labels.split(/,\s*/)),
    ...[...expr.matchAll(/[{,]\s*(\w+)\s*=/g)].map(([, label = '']) => label),
  ],
});

const expressions = [
  ...dashboard.panels.flatMap(({ title, targets }) => targets.map(({ expr }) => [title, expr] as const)),
  ...rules.map(({ alert, expr }) => [alert, expr] as const),
];

describe('dashboards and alerts', () => {
  it.each(expressions)('%s reads metrics and labels that the service has', (_, expr) => {
    const { names, labels } = readBy(expr);
    expect(names.length + Number(expr.startsWith('up{') || expr.includes('(up{'))).toBeGreaterThan(0);
    for (const name of names) expect([...metrics.keys()]).toContain(name);
    const known = [...names.flatMap((name) => metrics.get(name) ?? []), ...SCRAPED];
    for (const label of labels) expect(known).toContain(label);
  });

  it('show every metric of ours', () => {
    const shown = new Set(expressions.flatMap(([, expr]) => readBy(expr).names));
    expect([...metrics.keys()].filter((name) => name.startsWith('tidemark_') && !shown.has(name))).toEqual([]);
  });

  it('read the data source that is provisioned, and are found where they are mounted', () => {
    const [source] = yamlOf('deploy/grafana/datasources/prometheus.yml').datasources;
    for (const { datasource } of dashboard.panels) expect(datasource.uid).toBe(source.uid);
    const [provider] = yamlOf('deploy/grafana/dashboards/tidemark.yml').providers;
    const { volumes } = yamlOf('docker-compose.yml').services.grafana;
    expect(volumes).toContain(`./dashboards:${provider.options.path}:ro`);
    expect(yamlOf('deploy/prometheus.yml').rule_files).toEqual(['/etc/prometheus/rules.yml']);
  });

  it('have panels that explain themselves and do not overlap', () => {
    const taken = new Set<string>();
    for (const { title, description, gridPos } of dashboard.panels) {
      expect(description, title).not.toBe('');
      for (let x = gridPos.x; x < gridPos.x + gridPos.w; x += 1) {
        for (let y = gridPos.y; y < gridPos.y + gridPos.h; y += 1) {
          expect(taken.has(`${x} ${y}`), title).toBe(false);
          taken.add(`${x} ${y}`);
        }
      }
    }
  });
});
