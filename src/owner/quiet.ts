import type { Telemetry } from '../telemetry.ts';

/** Of a process that is over soon: nobody asks it for figures, and it speaks up when something is wrong. */
export const quietTelemetry = async (stderr: NodeJS.WritableStream): Promise<Telemetry> => {
  const [{ Registry }, { telemetry }, { makeLogger }] = await Promise.all([
    import('prom-client'),
    import('../telemetry.ts'),
    import('../runtime/logs.ts'),
  ]);
  const write = (text: string) => stderr.write(text);
  return telemetry(makeLogger({ level: 'warn', format: 'text', coloured: false, write }), new Registry());
};
