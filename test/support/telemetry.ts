import type { Telemetry } from '../../src/telemetry.ts';

export type Told = { readonly [K in keyof Telemetry]: readonly [K, Parameters<Telemetry[K]>[0]] }[keyof Telemetry];

const NAMES = [
  'settled',
  'deadLettered',
  'planned',
  'overtaken',
  'sweepOpened',
  'sweepClosed',
  'dependencyDown',
  'dependencyUp',
  'projectBlocked',
  'projectUnblocked',
  'filed',
  'generationActive',
] as const satisfies readonly (keyof Telemetry)[];

/** Telemetry that keeps what it is told, in order. */
export const recordedTelemetry = (): Telemetry & { readonly told: readonly Told[]; forget(): void } => {
  const told: Told[] = [];
  const functions = Object.fromEntries(
    NAMES.map((name) => [name, (of: unknown) => void told.push([name, of] as unknown as Told)]),
  );
  return { ...(functions as unknown as Telemetry), told, forget: () => void told.splice(0) };
};
