import type { Telemetry } from '../telemetry.ts';

/** Of a process that is over soon: nobody asks it for figures, and it speaks up when something is wrong. */
export const quietTelemetry = async (stderr: NodeJS.WritableStream): Promise<Telemetry> => {
  const [{ Registry }, { telemetry }, { makeLogger }] = await Promise.all([
    import('prom-client'),
    import('../telemetry.ts'),
    import('../runtime/logs.ts'),
  ]);
  return telemetry(makeLogger({ level: 'warn', readable: true, write: (text) => stderr.write(text) }), new Registry());
};
