import type { OwnCommand } from '../command.ts';

export const serve: OwnCommand = {
  kind: 'own',
  name: 'serve',
  summary: 'Follows the repositories, and keeps the index in step with every commit.',
  details: 'Stays in the foreground. Ctrl-C finishes what was begun, for at most 25 s; a second one ends at once.',
  options: {
    flows: {
      value: 'FLOWS',
      description: 'Only these, such as plan,collect; others run elsewhere on the same log and store.',
    },
  },
  async run(around, args) {
    const serving = await import('../serving.ts');
    return serving.serve(around, args);
  },
};
