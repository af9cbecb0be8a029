import { LOG_FORMATS } from '../../runtime/logs.ts';
import type { OwnCommand } from '../command.ts';

export const serve: OwnCommand = {
  kind: 'own',
  name: 'serve',
  summary: 'Follows the repositories and keeps the index in step with every commit.',
  details:
    'It stays in the foreground. Ctrl-C lets it finish its work for at most 25 seconds; a second Ctrl-C ends it at once.',
  options: {
    log: {
      value: 'FORMAT',
      values: LOG_FORMATS,
      description: 'Logs as text or as json. The default is text on a terminal, and json anywhere else.',
    },
    flows: {
      value: 'FLOWS',
      description:
        'Runs only these flows, such as plan,collect. Other processes on the same log and store run the rest.',
    },
  },
  async run(around, args) {
    const serving = await import('../serving.ts');
    return serving.serve(around, args);
  },
};
