import { once } from 'node:events';
import { messageOf } from '../../errors.ts';
import { asking, dataAccess, questions } from '../../owner/access.ts';
import { quietTelemetry } from '../../owner/quiet.ts';
import { SECOND } from '../../units.ts';
import type { OwnCommand } from '../command.ts';
import { EXIT } from '../exit.ts';

/** Between two questions the directory is kept for so long; then a service may have it. */
const KEEP_MS = 5 * SECOND;

export const mcp: OwnCommand = {
  kind: 'own',
  name: 'mcp',
  summary: 'Answers agents over MCP on standard input and output.',
  details:
    'The agent starts it; docs/agents.md shows the settings for each client. It asks the service if one runs, and answers\nfrom the index as it is if none does.',
  async run({ place, output, interrupts: { signal }, stderr, version }, args) {
    const [{ serveStdio }, { mcpServer }] = await Promise.all([
      import('@modelcontextprotocol/server/stdio'),
      import('../../mcp/server.ts'),
    ]);
    const pipeline = args.text('pipeline') ?? 'default';
    const access = dataAccess({ place, telemetry: () => quietTelemetry(stderr), keepMs: KEEP_MS });
    const over = new AbortController();
    const ask = questions(asking(access.run, place.config, pipeline, over.signal));
    const serving = serveStdio(() => mcpServer({ version, ask }), {
      onerror: (error) => output.note(`tidemark mcp: ${messageOf(error)}`),
    });
    try {
      await Promise.race([once(process.stdin, 'end'), once(process.stdin, 'close'), aborted(signal)]);
    } finally {
      over.abort();
      await serving.close();
      await access.close();
    }
    return EXIT.success;
  },
};

const aborted = async (signal: AbortSignal): Promise<void> => {
  if (!signal.aborted) await once(signal, 'abort');
};
