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
  summary: 'Reads all that is kept here, and compares trees, wants, ledger and points in both directions.',
  details:
    'What is on its way is waited for. Ends with 1 where something differs, or is damaged, which tidemark rebuild mends.',
  options: {
    json: { description: 'One object with the differences.' },
    repair: { description: 'Has what differs looked at again, which mends it.' },
  },
  async run({ pipeline, output, signal }, args) {
    const { verify: verifyParts } = await import('../../runs/verify.ts');
    const asJson = args.flag('json');
    const told: Difference[] = [];
    const onDifference = async (one: Difference) => {
      if (told.length < MAX_TOLD) told.push(one);
      if (!asJson) await output.line(inLine(lineOf(one)));
    };
    const damage = await pipeline.check(signal);
    if (signal.aborted) return EXIT.cancelled;
    if (damage.length > 0) return sayDamage(damage, output, asJson);
    const repair = args.flag('repair');
    const compare = (stop: AbortSignal) => verifyParts(pipeline.parts, { onDifference, repair, stop });
    // Services bring what is on its way to its end; one more reader for a moment would only move their partitions.
    const result = pipeline.shared
      ? await compare(signal)
      : await pipeline.withFlows(compare, { stop: signal, anyGeneration: true });
    if (signal.aborted) return EXIT.cancelled;
    const { documents, differences, status } = result;
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
