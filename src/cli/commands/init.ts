import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { DEFAULT_FILE, loadConfig } from '../../config/load.ts';
import { BadConfiguration, BadUsage, codeOf, maskedText } from '../../errors.ts';
import { foundIn } from '../../owner/place.ts';
import { trustedBy } from '../../owner/trusted.ts';
import type { FreeCommand } from '../command.ts';
import { EXIT } from '../exit.ts';
import { type Answers, asking, checksOf, configurationOf, defaults, QUESTIONS } from '../init-questions.ts';

export const init: FreeCommand = {
  kind: 'free',
  name: 'init',
  summary: 'Asks what is to be indexed and where it goes, checks it, and writes tidemark.yaml.',
  details:
    'At a terminal it asks what no option answers; with --yes, or without a terminal, what is not said stays as it is by\ndefault. Secrets are never written: the file names the variables that hold them. What it has written is trusted.',
  options: {
    ...Object.fromEntries(
      QUESTIONS.map(({ name, value, values, ask }) => [
        name,
        { value, description: ask, ...(values ? { values } : {}) },
      ]),
    ),
    yes: { description: 'Asks nothing.' },
    force: { description: 'Writes over a tidemark.yaml that is there.' },
    'no-check': { description: 'Does not look whether what is named can be reached.' },
  },
  async run({ output, env, cwd, named, stderr, interrupts: { signal } }, args) {
    const file = resolve(cwd, named?.file ?? DEFAULT_FILE);
    const given = Object.fromEntries(
      QUESTIONS.flatMap(({ name }) => {
        const text = args.text(name);
        return text === undefined ? [] : [[name, text]];
      }),
    );
    const interactive = process.stdin.isTTY === true && !args.flag('yes');
    const answers: Answers = interactive
      ? await asking(given, { input: process.stdin, output: stderr, signal })
      : defaults(given);
    const yaml = configurationOf(answers);
    // What was typed goes through the same schema as what stands in a file; variables need not be set yet.
    await loadConfig({
      env: { ...Object.fromEntries([...yaml.matchAll(/\$\{(\w+)\}/g)].map(([, name]) => [name, 'x'.repeat(32)])) },
      cwd,
      read: async () => yaml,
      named: { file, by: 'init' },
      found: foundIn(undefined, env),
    });
    if (!args.flag('no-check'))
      for (const trouble of await checksOf(answers, { env, cwd })) output.note(`note: ${maskedText(trouble)}`);
    try {
      await writeFile(file, yaml, { flag: args.flag('force') ? 'w' : 'wx' });
    } catch (cause) {
      if (codeOf(cause) === 'EEXIST') throw new BadUsage(`${file} is there already: --force writes over it`, { cause });
      throw new BadConfiguration(`write ${file}`, { cause });
    }
    if (!named) await trustedBy(env).add(file, yaml);
    await output.line(`wrote ${file}`);
    for (const [, name = ''] of yaml.matchAll(/\$\{(\w+)\}/g))
      if (!env[name]) output.note(`set ${name} before you start it`);
    const said = named ? ` --config ${named.file}` : '';
    output.note(`next: tidemark${said} doctor, then tidemark${said} serve`);
    return EXIT.success;
  },
};
