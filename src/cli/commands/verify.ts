import type { Difference } from '../../runs/differences.ts';
import { inLine } from '../../runtime/printable.ts';
import type { DataCommand } from '../command.ts';
import { EXIT } from '../exit.ts';
import type { Output } from '../output.ts';

/** So many are told in the one object; all of them are counted. */
const MAX_TOLD = 10_000;

export const verify: DataCommand = {
  kind: 'data',
  name: 'verify',
  summary: 'Checks all that is stored for damage, and compares it with the repositories in both directions.',
  details:
    'It first waits for what is on its way. It ends with 1 if something differs or is damaged. --repair mends what differs,\nand tidemark rebuild mends what is damaged.',
  options: {
    json: { description: 'Prints one JSON object with the differences.' },
    repair: { description: 'Looks again at what differs, which mends it.' },
  },
  async run({ ask, output }, args) {
    const [asJson, repair] = [args.flag('json'), args.flag('repair')];
    const told: Difference[] = [];
    const found = await ask('verify', { repair }, async (one) => {
      if (told.length < MAX_TOLD) told.push(one);
      if (!asJson) await output.line(inLine(lineOf(one)));
    });
    if (found.damage) return sayDamage(found.damage, output, asJson);
    const { documents, differences, status } = found.verified;
    if (asJson) await output.line(JSON.stringify({ documents, differences: told, count: differences, status, repair }));
    else await output.line(`${documents} documents, ${differences} differences${repair ? ', looked at again' : ''}`);
    if (differences > 0 && !repair) output.note('tidemark verify --repair has them looked at again, which mends them');
    return differences > 0 ? EXIT.failures : EXIT.success;
  },
};

/** What it says when all of it cannot be believed is no difference. */
const sayDamage = async (damage: readonly string[], output: Output, asJson: boolean): Promise<number> => {
  if (asJson) await output.line(JSON.stringify({ damage, status: 'damaged' }));
  else for (const finding of damage) await output.line(inLine(`damaged  ${finding}`));
  output.note('stop what runs here, and say tidemark rebuild: it sets aside what is damaged, and indexes it anew');
  return EXIT.failures;
};

const lineOf = ({ kind, document, expected, found }: Difference): string =>
  `${kind}  ${document}  expected ${expected ?? 'nothing'}, found ${found ?? 'nothing'}`;
