import type { DataCommand, OwnCommand } from './command.ts';

export const serveWith = (commands: readonly DataCommand[]): OwnCommand => ({
  kind: 'own',
  name: 'serve',
  summary: 'Follows the repositories, and keeps the index in step with every commit.',
  details: 'Stays in the foreground. Ctrl-C finishes what was begun, and ends; a second one ends at once.',
  async run(around, args) {
    const { serve } = await import('./serving.ts');
    return serve(around, args, commands);
  },
});
