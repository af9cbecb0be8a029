import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { overrides } from '../../src/config/environment.ts';
import { configOf, image, inRepository, textOf, yamlOf } from './files.ts';

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly environment?: Readonly<Record<string, string | number>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly depends_on?: Readonly<Record<string, unknown>> | readonly string[];
}

const compose = yamlOf('docker-compose.yml') as {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, unknown>>;
};
const services = Object.entries(compose.services);
const { tidemark, kafka, qdrant } = compose.services;
const environmentOf = ({ environment = {} }: Service = {}) =>
  Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)]));

describe('docker-compose.yml', () => {
  it('brings up Kafka, Qdrant, Tidemark, Prometheus and Grafana', () => {
    expect(Object.keys(compose.services).sort()).toEqual(['grafana', 'kafka', 'prometheus', 'qdrant', 'tidemark']);
  });

  it.each(services)('%s is pinned, has a health check, and can be reached from this machine alone', (_, service) => {
    if (service.build === undefined) {
      expect(service.image).toMatch(/^[a-z]+\/[a-z]+:v?\d+\.\d+\.\d+$/);
      expect(service.healthcheck?.test.length).toBeGreaterThan(1);
    } else expect(image().values('HEALTHCHECK')).toHaveLength(1);
    for (const port of service.ports ?? []) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  it('runs the versions that the tests run', () => {
    expect(textOf('test/support/kafka/pom.xml')).toContain(`<version>${kafka?.image?.split(':')[1]}</version>`);
    expect(textOf('test/support/qdrant-server.ts')).toContain(`'${qdrant?.image}'`);
  });

  it.each(services)('what %s mounts is there', (_, { volumes = [] }) => {
    for (const volume of volumes) {
      const [from = ''] = volume.split(':');
      if (from.startsWith('./')) expect(existsSync(inRepository(from)), from).toBe(true);
      else expect(Object.keys(compose.volumes)).toContain(from);
    }
  });

  it.each(services)('%s waits for services that there are', (_, { depends_on: on = [] }) => {
    for (const name of Array.isArray(on) ? on : Object.keys(on)) expect(Object.keys(compose.services)).toContain(name);
  });

  it('tells Tidemark where its engines are, by names that it knows', async () => {
    const environment = environmentOf(tidemark);
    const known = overrides.map(({ name }) => name);
    for (const name of Object.keys(environment)) if (name.startsWith('TIDEMARK_')) expect(known).toContain(name);
    const config = await configOf(textOf('deploy/tidemark.yaml'), environment);
    expect(config.log).toMatchObject({ kind: 'kafka', brokers: ['kafka:9092'] });
    expect(config.store).toMatchObject({ kind: 'qdrant', url: 'http://qdrant:6333' });
    expect(environmentOf(kafka).KAFKA_ADVERTISED_LISTENERS).toBe('PLAINTEXT://kafka:9092');
    expect(qdrant?.ports).toContain('127.0.0.1:6333:6333');
  });

  it('has the repository that is indexed in its place, and git may read it', async () => {
    const { pipelines } = await configOf(textOf('deploy/tidemark.yaml'), environmentOf(tidemark));
    const path = pipelines.default?.sources[0]?.git?.path;
    expect(tidemark?.volumes).toContain(`./:${path}:ro`);
    expect(environmentOf(tidemark)).toMatchObject({
      ...{ GIT_CONFIG_COUNT: '1', GIT_CONFIG_KEY_0: 'safe.directory', GIT_CONFIG_VALUE_0: path },
    });
  });

  it('publishes and checks the port that the service listens on, and scrapes the one for figures, which is not published', async () => {
    const { http } = await configOf(textOf('deploy/tidemark.yaml'), environmentOf(tidemark));
    expect(http.host).toBe('0.0.0.0');
    expect(image().port).toBe(http.port);
    expect(image().lines.join('\n')).toContain(`http://127.0.0.1:${http.port}/healthz`);
    expect(tidemark?.ports).toEqual([`127.0.0.1:${http.port}:${http.port}`]);
    const [scraped] = yamlOf('deploy/prometheus.yml').scrape_configs;
    expect(http.metrics?.host).toBe('0.0.0.0');
    expect(scraped.static_configs[0].targets).toEqual([`tidemark:${http.metrics?.port}`]);
  });
});

describe('the image', () => {
  it('is built from what is in the repository and let through', () => {
    const allowed = textOf('.dockerignore')
      .split('\n')
      .filter((line) => line.startsWith('!'))
      .map((line) => line.slice(1));
    const copied = image()
      .values('COPY')
      .filter((line) => !line.startsWith('--from'))
      .flatMap((line) => line.split(' ').slice(0, -1));
    expect(copied.length).toBeGreaterThan(5);
    for (const path of copied) {
      expect(allowed).toContain(path.replace(/\*$/, ''));
      if (!path.endsWith('*')) expect(existsSync(inRepository(path)), path).toBe(true);
    }
  });

  it('runs as nobody in particular, on a pinned Node that is supported, with git', () => {
    const { values, lines, user } = image();
    expect(user).toBeGreaterThan(1000);
    for (const from of values('FROM')) expect(from).toMatch(/^node:24\.\d+\.\d+-\S+( AS build)?$/);
    expect(lines.find((line) => line.includes('apt-get install'))).toMatch(/ git .*tini/);
    expect(existsSync(inRepository('bin/tidemark.js'))).toBe(true);
    expect(values('ENTRYPOINT')[0]).toContain('/app/bin/tidemark.js');
  });
});
