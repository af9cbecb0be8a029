/**
 * npm run trial -- mutations [NAME…]
 *
 * Breaks the protocols on purpose, one step at a time, in a copy of the code, and says after how many random histories
 * the simulation notices, or which named history does. Writes the table in docs/architecture.md when all were run.
 */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const FIRST_TRY = 300;
const HISTORIES = 10_000;
const SEED = 1;

interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}
interface Mutation {
  readonly name: string;
  readonly edits: readonly Edit[];
}

const mutation = (
  name: string,
  ...edits: readonly (readonly [file: string, find: string, replace: string])[]
): Mutation => ({
  name,
  edits: edits.map(([file, find, replace]) => ({ file, find, replace })),
});

const LAY = 'src/operators/lay.ts';
const PLAN = 'src/operators/plan.ts';
const APPLY = 'src/operators/apply.ts';
const TOPOLOGY = 'src/topology.ts';

const MUTATIONS: readonly Mutation[] = [
  mutation(
    'head read before the claim',
    [
      PLAN,
      'const key = refKey(id);',
      'const key = refKey(id);\n    const early = (await sourceCalls(parts, id)((port) => port.head(project, ref))) ?? null;',
    ],
    [PLAN, 'before: before?.value };', 'before: before?.value, early };'],
    [
      PLAN,
      'const head = async () => (await ask((port) => port.head(id.project, id.ref))) ?? null;',
      'const head = async () => claimed.early;',
    ],
  ),
  mutation(
    'changes before wants',
    [LAY, "  if (rows.length > 0) await state.raise('wants', rows);\n", ''],
    [
      LAY,
      '  await append(names.topics.changesBackfill, backfill);',
      "  await append(names.topics.changesBackfill, backfill);\n  if (rows.length > 0) await state.raise('wants', rows);",
    ],
  ),
  mutation('ledger not asked when leaving alone', [LAY, '(ledger?.get(key)?.seq ?? -1) >= want.seq', 'true']),
  mutation('recording without the guard', [
    PLAN,
    "const record = ({ state, rules }: Parts, { row, head }: Looked) =>\n  state.swap('refs', { ...row, value: { planned: head, dirty: false, rules } }, stampOf(row));",
    "const record = async ({ state, rules }: Parts, { row, head }: Looked) => {\n  const now = (await state.read('refs', [row.key])).get(row.key) ?? row;\n  return state.swap('refs', { ...now, value: { planned: head, dirty: false, rules } }, stampOf(now));\n};",
  ]),
  mutation('overtaken plan not filed again', [
    PLAN,
    "await fileHints(parts, 'events', 'overtaken', [",
    "if (Date.now() < 0) await fileHints(parts, 'events', 'overtaken', [",
  ]),
  mutation('no second read before the changes', [LAY, '  if (!(await stillOurs())) return false;\n', '']),
  mutation('no orphan check', ['src/clock/clock.ts', '  orphans: { everyMs: 1 * HOUR, fire: orphans },\n', '']),
  mutation('want not asked in collect', [
    TOPOLOGY,
    '        wanted(parts),\n        byOurRules(parts),',
    '        byOurRules(parts),',
  ]),
  mutation('want not asked in index', [
    TOPOLOGY,
    '        wanted(parts),\n        unreached(generation),',
    '        unreached(generation),',
  ]),
  mutation(
    'look before raise',
    [APPLY, '      await generation.raise(document, seq, points);\n', ''],
    [
      APPLY,
      '      const missing = points.filter',
      '      await generation.raise(document, seq, points);\n      const missing = points.filter',
    ],
  ),
  mutation('unguarded upsert', [
    'test/support/memory-store.ts',
    'if (!standing || standing.seq < point.seq) points.set',
    'points.set',
  ]),
  mutation('no delete when superseded', [
    'src/operators/stage.ts',
    '    await step();\n    return settled;',
    "    if (settled.outcome !== 'superseded') await step();\n    return settled;",
  ]),
  mutation('delete by seq alone beside a failed entry', [
    APPLY,
    'entry.seq, entry.chunks);',
    "entry.seq, entry.status === 'failed' ? [] : entry.chunks);",
  ]),
  mutation('`paths` moves `planned`', [
    PLAN,
    'const differs = await difference(parts, looked);',
    'const differs = pathsOf(looked.hints).length > 0 ? [] : await difference(parts, looked);',
  ]),
  mutation('documents left alone beside an open sweep', [
    PLAN,
    '[...others, ...named], !open)',
    '[...others, ...named], true)',
  ]),
  mutation('one-phase tombstone', [
    'src/clock/tombstones.ts',
    '      return false;\n  }\n  return true;\n};',
    '      continue;\n  }\n  return true;\n};',
  ]),
  mutation('settle before durable', [
    'src/operators/publish.ts',
    '    await append(parts, record);',
    '    void append(parts, record);',
  ]),
  mutation('commit past a gap', [
    'src/log/low-water.ts',
    '      while (head < delivered.length',
    '      mark = Math.max(mark, offset + 1);\n      while (head < delivered.length',
  ]),
  mutation('commit of a stale epoch', [
    'src/log/low-water.ts',
    '          mine.settle(offset);',
    '          const now = current.partitions.get(partition);\n          try {\n            now?.settle(offset);\n          } catch {}',
  ]),
];

const breakCopy = async ({ name, edits }: Mutation): Promise<string> => {
  const copy = await mkdtemp(join(tmpdir(), 'mutation-'));
  for (const part of ['src', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts']) {
    await cp(join(ROOT, part), join(copy, part), { recursive: true });
  }
  await symlink(join(ROOT, 'node_modules'), join(copy, 'node_modules'));
  for (const { file, find, replace } of edits) {
    const path = join(copy, file);
    const text = await readFile(path, 'utf8');
    if (text.split(find).length !== 2) throw new Error(`${name}: ${file} does not have exactly one "${find}"`);
    await writeFile(
      path,
      text.replace(find, () => replace),
    );
  }
  return copy;
};

/** How many histories it took, or `undefined` when none of them noticed. */
const random = async (copy: string, histories: number): Promise<number | undefined> => {
  const args = ['--import', 'tsx', 'test/trials/sim/main.ts', '--processes', '1', '--fail-fast', '--no-shrink'];
  const ended = await run('node', [...args, '--seed', String(SEED), '--histories', String(histories)], {
    cwd: copy,
    maxBuffer: 1e8,
  }).catch((error: { stdout?: string }) => ({ stdout: error.stdout ?? '' }));
  const [, done, violated] = /(\d+) histories from .* (\d+) violated/.exec(ended.stdout) ?? [];
  if (done === undefined) throw new Error(`the simulation did not end: ${ended.stdout.slice(-400)}`);
  return violated === '0' ? undefined : Number(done);
};

/** The first named history that fails. */
const named = async (copy: string): Promise<string | undefined> => {
  const args = ['vitest', 'run', 'test/trials/sim/named.test.ts', '--reporter=json'];
  const ended = await run('npx', args, { cwd: copy, maxBuffer: 1e8 }).catch((error: { stdout?: string }) => ({
    stdout: error.stdout ?? '',
  }));
  const result: { testResults: { assertionResults: { status: string; title: string }[] }[] } = JSON.parse(
    ended.stdout.slice(ended.stdout.indexOf('{')),
  );
  const failed = result.testResults.flatMap((file) => file.assertionResults).find(({ status }) => status === 'failed');
  return failed?.title.replace(/ \(seed \d+\)$/, '');
};

const judge = async (mutated: Mutation): Promise<string> => {
  const copy = await breakCopy(mutated);
  try {
    const early = await random(copy, FIRST_TRY);
    if (early !== undefined) return `${early} histories`;
    const title = await named(copy);
    if (title !== undefined) return `«${title}»`;
    const late = await random(copy, HISTORIES);
    return late === undefined ? '**not caught**' : `${late} histories`;
  } finally {
    await rm(copy, { recursive: true, force: true });
  }
};

const wanted = process.argv.slice(2);
const chosen = MUTATIONS.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
const verdicts = new Map<string, string>();
const queue = [...chosen];
await Promise.all(
  Array.from({ length: 2 }, async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const verdict = await judge(next);
      verdicts.set(next.name, verdict);
      console.log(`${next.name}: ${verdict}`);
    }
  }),
);

if (wanted.length === 0) {
  const page = join(ROOT, 'docs/architecture.md');
  const [start, end] = ['<!-- mutations -->', '<!-- /mutations -->'];
  const text = await readFile(page, 'utf8');
  const rows = MUTATIONS.map(({ name }) => `| ${name} | ${verdicts.get(name)} |`);
  const table = ['', '| broken on purpose | caught by |', '| --- | --- |', ...rows, ''].join('\n');
  await writeFile(page, `${text.slice(0, text.indexOf(start) + start.length)}${table}${text.slice(text.indexOf(end))}`);
}
process.exitCode = [...verdicts.values()].includes('**not caught**') ? 1 : 0;
