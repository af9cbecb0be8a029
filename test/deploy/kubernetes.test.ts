import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { names } from '../../src/config/names.ts';
import { groupIdOf } from '../../src/log/kafka/kafka.ts';
import { configOf, image, inRepository, resourcesOf, yamlOf } from './files.ts';

const DIRECTORY = 'deploy/kubernetes';
const listed: readonly string[] = yamlOf(`${DIRECTORY}/kustomization.yaml`).resources;
const resources = listed.flatMap((file) => resourcesOf(`${DIRECTORY}/${file}`));
const ofKind = (kind: string) => {
  const found = resources.filter((resource) => resource.kind === kind);
  expect(found, kind).toHaveLength(1);
  return found[0];
};
const pod = () => ofKind('Deployment').spec.template;
const container = () => pod().spec.containers[0];
const configuration = () =>
  configOf(ofKind('ConfigMap').data['tidemark.yaml'], ofKind('Secret').stringData as Record<string, string>);

describe('the manifests for Kubernetes', () => {
  it('are all listed', () => {
    expect([...listed, 'kustomization.yaml'].sort()).toEqual(readdirSync(inRepository(DIRECTORY)).sort());
  });

  it('have a configuration that is valid, with every variable in the secret, on engines that many can share', async () => {
    const config = await configuration();
    expect([config.log.kind, config.store.kind]).toEqual(['kafka', 'qdrant']);
    expect(config.http.host).toBe('0.0.0.0');
    const used = [...ofKind('ConfigMap').data['tidemark.yaml'].matchAll(/\$\{(\w+)\}/g)].map(([, name]) => name);
    expect(used.sort()).toEqual(Object.keys(ofKind('Secret').stringData).sort());
    expect(container().envFrom).toEqual([{ secretRef: { name: ofKind('Secret').metadata.name } }]);
  });

  it('ask for health where the service answers', async () => {
    const { http } = await configuration();
    const { startupProbe, livenessProbe, readinessProbe, ports } = container();
    expect(ports).toEqual([
      { name: 'http', containerPort: http.port },
      { name: 'metrics', containerPort: http.metrics?.port },
    ]);
    expect(http.port).toBe(image().port);
    for (const probe of [startupProbe, livenessProbe])
      expect(probe.httpGet).toEqual({ path: '/healthz', port: 'http' });
    expect(readinessProbe.httpGet).toEqual({ path: '/readyz', port: 'http' });
    expect(http.metrics?.host).toBe('0.0.0.0');
    expect(pod().metadata.annotations['prometheus.io/port']).toBe(String(http.metrics?.port));
    expect(ofKind('Service').spec.ports.map(({ targetPort }: { targetPort: string }) => targetPort)).toEqual(['http']);
  });

  it('run it as the image does, with nothing that it could change but its directories', () => {
    expect(pod().spec.securityContext).toMatchObject({ runAsNonRoot: true, runAsUser: image().user });
    expect(container().securityContext).toMatchObject({
      ...{ allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    });
    const mounted = container().volumeMounts.map(({ name }: { name: string }) => name);
    expect(mounted.sort()).toEqual(
      pod()
        .spec.volumes.map(({ name }: { name: string }) => name)
        .sort(),
    );
    expect(container().image).not.toMatch(/:latest$|^[^:]+$/);
  });

  it('select the pods that there are', () => {
    const { labels } = pod().metadata;
    expect(ofKind('Deployment').spec.selector.matchLabels).toEqual(labels);
    expect(ofKind('Service').spec.selector).toEqual(labels);
    expect(ofKind('PodDisruptionBudget').spec.selector.matchLabels).toEqual(labels);
  });

  it('scale by the lag of the groups that Kafka knows, each beside its topic', async () => {
    const { topics, groups } = names('default', {});
    const config = await configuration();
    const { scaleTargetRef, triggers } = ofKind('ScaledObject').spec;
    expect(scaleTargetRef.name).toBe(ofKind('Deployment').metadata.name);
    for (const { type, metadata } of triggers) {
      expect(type).toBe('kafka');
      expect([metadata.bootstrapServers]).toEqual(config.log.kind === 'kafka' && config.log.brokers);
      expect([topics.changes, topics.changesBackfill]).toContain(metadata.topic);
      expect(metadata.consumerGroup).toBe(groupIdOf(metadata.topic, groups.collect));
    }
  });
});
