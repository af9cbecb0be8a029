import type { Telemetry } from '../../src/telemetry.ts';

export type Told = { readonly [K in keyof Telemetry]: readonly [K, Parameters<Telemetry[K]>[0]] }[keyof Telemetry];

const telling = (tell: (name: string, of: unknown) => void): Telemetry =>
  new Proxy({} as Telemetry, { get: (_, name) => (of: unknown) => tell(String(name), of) });

/** Telemetry that keeps what it is told, in order. */
export const recordedTelemetry = (): { readonly telemetry: Telemetry; readonly told: readonly Told[] } => {
  const told: Told[] = [];
  return { telemetry: telling((name, of) => told.push([name, of] as unknown as Told)), told };
};

export const silentTelemetry: Telemetry = telling(() => {});
