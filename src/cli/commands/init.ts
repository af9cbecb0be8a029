import { randomUUID } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
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
  summary: 'Asks what to index and where to store it, checks the answers, and writes tidemark.yaml.',
  details:
    'On a terminal it asks every question that no option answers. With --yes, or without a terminal, it takes the defaults.\nIt writes no secrets: the file names the variables that hold them. Tidemark trusts the file that it has written.',
  options: {
    ...Object.fromEntries(
      QUESTIONS.map(({ name, value, values, ask }) => [
        name,
        { value, description: `Answers "${ask}"`, ...(values ? { values } : {}) },
      ]),
    ),
    yes: { description: 'Asks nothing, and takes the defaults.' },
    force: { description: 'Overwrites a tidemark.yaml that is there.' },
    'no-check': { description: 'Does not check whether repositories and servers can be reached.' },
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
      if (args.flag('force')) await replaced(file, yaml);
      else await writeFile(file, yaml, { flag: 'wx' });
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

/** A link that lies in a repository may lead to any file of whoever runs this, and a pipe is waited for: both make way. */
const replaced = async (file: string, content: string): Promise<void> => {
  const draft = `${file}.${randomUUID()}`;
  try {
    await writeFile(draft, content, { flag: 'wx' });
    await rename(draft, file);
  } catch (error) {
    await rm(draft, { force: true });
    throw error;
  }
};
