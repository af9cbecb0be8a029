import type { Telemetry } from '../telemetry.ts';
import type { Streams } from './output.ts';

/** Of a process that is over soon: nobody asks it for figures, and it speaks up when something is wrong. */
export const quietTelemetry = async (stderr: Streams['stderr']): Promise<Telemetry> => {
  const [{ Registry }, { telemetry }, { makeLogger }] = await Promise.all([
    import('prom-client'),
    import('../telemetry.ts'),
    import('./logs.ts'),
  ]);
  const write = (text: string) => stderr.write(text);
  return telemetry(makeLogger({ level: 'warn', format: 'text', coloured: false, write }), new Registry());
};
