import type { Telemetry } from '../../src/telemetry.ts';

export type Told = { readonly [K in keyof Telemetry]: readonly [K, Parameters<Telemetry[K]>[0]] }[keyof Telemetry];

const telling = <More extends object>(tell: (name: string, of: unknown) => void, more: More): Telemetry & More =>
  new Proxy({} as Telemetry & More, {
    get: (_, name) => Reflect.get(more, name) ?? ((of: unknown) => tell(String(name), of)),
  });

/** Telemetry that keeps what it is told, in order. */
export const recordedTelemetry = (): Telemetry & { readonly told: readonly Told[]; forget(): void } => {
  const told: Told[] = [];
  const tell = (name: string, of: unknown) => void told.push([name, of] as unknown as Told);
  return telling(tell, { told, forget: () => void told.splice(0) });
};

export const silentTelemetry: Telemetry = telling(() => {}, {});
