import type { Telemetry } from '../../src/telemetry.ts';

export const silent: Telemetry = {
  settled() {},
  deadLettered() {},
  planned() {},
  overtaken() {},
  sweepOpened() {},
  sweepClosed() {},
  dependencyDown() {},
  dependencyUp() {},
  projectBlocked() {},
  projectUnblocked() {},
  filed() {},
  generationActive() {},
  backgroundFailed() {},
  sourceUnreadable() {},
};
