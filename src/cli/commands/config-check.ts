import { masked } from '../../config/masked.ts';
import { maskedText } from '../../errors.ts';
import { inLine } from '../../runtime/printable.ts';
import type { OwnCommand } from '../command.ts';
import { EXIT } from '../exit.ts';

export const configCheck: OwnCommand = {
  kind: 'own',
  name: 'config check',
  summary: 'Checks the configuration, and says what is in force or what to mend.',
  options: { json: { description: 'Prints the configuration as JSON with every default, and hides secrets.' } },
  async run({ place, output }, args) {
    const { config, file, data } = place;
    if (args.flag('json')) {
      await output.line(JSON.stringify({ ...masked(config), data }));
      return EXIT.success;
    }
    await output.line(
      `${file ?? 'No file: the defaults, and the git repository of the current directory'}: no problems.`,
    );
    await output.line(inLine(`data: ${data}`));
    for (const [name, { sources, embedder, chunk }] of Object.entries(config.pipelines)) {
      const places = sources.map(({ git, gitlab }) => maskedText(git?.path ?? gitlab?.url ?? '')).join(', ');
      const text = `pipeline ${name}: ${places}; chunks of ${chunk.tokens} tokens, embedder ${embedder.kind}`;
      await output.line(inLine(text));
    }
    return EXIT.success;
  },
};
