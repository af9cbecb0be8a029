/** The ports of the service, as they are configured: who may ask what on which of them. */

import type { Registry } from 'prom-client';
import { serversOf } from '../config/pipeline.ts';
import { TryAgain } from '../errors.ts';
import { api } from '../http/api.ts';
import { boundedAsk } from '../http/bounded.ts';
import { callersOf } from '../http/callers.ts';
import { figuresOf } from '../http/figures.ts';
import type { Listener } from '../http/listener.ts';
import { type Page, pages } from '../http/pages.ts';
import { isLoopbackAddress, openHttp } from '../http/server.ts';
import { webhookHints } from '../http/webhooks/hints.ts';
import { webhooks } from '../http/webhooks/webhooks.ts';
import type { Place } from '../owner/place.ts';
import type { Hosted } from '../pipeline/host.ts';
import type { HookFormat } from '../ports.ts';
import { systemTime } from '../runtime/time.ts';
import type { Telemetry } from '../telemetry.ts';
import type { Output } from './output.ts';
import { ownToken } from './own-token.ts';

/** Of the configuration. Two repositories of one machine can be served without a word about ports. */
const DEFAULT_PORT = 7717;

export interface Served {
  readonly registry: Registry;
  readonly pipelines: readonly Hosted[];
  readonly telemetry: Telemetry;
  readonly version: string;
}

export interface Ports {
  readonly url: string;
  /** Where figures are. */
  readonly metrics: string;
  close(): Promise<void>;
}

export const openPorts = async (place: Place, output: Output, served: Served): Promise<Ports> => {
  const figures = figuresOf(served.registry);
  const own = await openMetrics(place, served, figures);
  try {
    const main = await openMain(place, output, served, own ? undefined : figures);
    return {
      url: main.url,
      metrics: `${(own ?? main).url}/metrics`,
      close: async () => void (await Promise.all([main.close(), own?.close()])),
    };
  } catch (error) {
    await own?.close();
    throw error;
  }
};

const openMain = async (
  { config, data }: Place,
  output: Output,
  { pipelines, telemetry, version }: Served,
  metrics: Page | undefined,
): Promise<Listener> => {
  const { http } = config;
  const named = http.tokens.length > 0;
  const callerOf = callersOf(named ? http.tokens : [await ownToken(data)], serversOf(config));
  const asked = {
    ...{ ...http, onLoopback: isLoopbackAddress(http.host), callerOf },
    ...{ pipelines, ask: boundedAsk(telemetry) },
  };
  const options = {
    ...{ ...http, portOption: '`http.port` or TIDEMARK_HTTP_PORT', telemetry },
    pages: pages({ ...asked, named, metrics }),
    api: api({ ...asked, version }),
    receivers: receiversOf(config, pipelines, telemetry),
  };
  try {
    return await openHttp(options);
  } catch (error) {
    if (config.http.port !== DEFAULT_PORT || !(error instanceof TryAgain)) throw error;
    const server = await openHttp({ ...options, port: 0 });
    output.note(`port ${DEFAULT_PORT} is taken, so another one is used`);
    return server;
  }
};

/** There nobody is asked who they are: who can reach it is for the network to say. */
const openMetrics = async (
  { config: { http } }: Place,
  { telemetry }: Served,
  figures: Page,
): Promise<Listener | undefined> =>
  http.metrics &&
  openHttp({
    ...{ ...http.metrics, hosts: http.hosts, portOption: '`http.metrics.port`' },
    ...{ pages: { '/metrics': figures }, telemetry },
  });

/** One for each kind of server that tells of itself. */
const receiversOf = (
  { webhooks: { secrets } }: Place['config'],
  pipelines: readonly Hosted[],
  telemetry: Telemetry,
) => {
  const formats = new Map<string, HookFormat>();
  for (const { parts } of pipelines)
    for (const { port } of parts.sources.values()) if (port.hooks) formats.set(port.hooks.kind, port.hooks);
  const receivers = [...formats].map(([kind, format]) => {
    const file = webhookHints(format, pipelines);
    const unavailable = () => pipelines.flatMap(logTrouble)[0];
    return [
      `/webhooks/${kind}`,
      webhooks({ format, secrets, file, unavailable, time: systemTime, telemetry }),
    ] as const;
  });
  return Object.fromEntries(receivers);
};

const logTrouble = ({ name, dependencies }: Hosted): string[] =>
  dependencies().some((one) => one.name === 'log' && one.downSince() !== undefined)
    ? [`${name}: the log does not answer`]
    : [];
