import { dirname, join, resolve } from 'node:path';
import { DEFAULT_FILE, namedIn, reachOf } from '../../config/load.ts';
import { listed } from '../../config/reach.ts';
import { BadUsage } from '../../errors.ts';
import { contentOf, foundIn, repositoryTop, whereFound } from '../../owner/place.ts';
import { trustedBy } from '../../owner/trusted.ts';
import type { FreeAround, FreeCommand } from '../command.ts';
import { EXIT } from '../exit.ts';

export const trust: FreeCommand = {
  kind: 'free',
  name: 'trust',
  summary: 'Trusts a tidemark.yaml as it stands, and shows what it reaches for.',
  details:
    'A tidemark.yaml that came with a repository may be somebody else’s. Until you trust it, Tidemark gives it no variable,\nand no host or file outside of its repository. Trust it again when it has changed. Without FILE it is the one that\nTidemark finds here.',
  words: { usage: '[FILE]', min: 0, max: 1 },
  options: {
    show: { description: 'Changes nothing, and ends with 1 if the file reaches for something and is not trusted.' },
    revoke: { description: 'Stops trusting the file.' },
  },
  async run(around, args) {
    const { output, env } = around;
    if (args.flag('show') && args.flag('revoke')) throw new BadUsage('--show and --revoke do not go together');
    const file = await fileOf(around, args.words[0]);
    const trusted = trustedBy(env);
    if (args.flag('revoke')) {
      const was = await trusted.remove(file);
      await output.line(was ? `${file} is not trusted any more` : `${file} was not trusted`);
      return EXIT.success;
    }
    const content = await contentOf(file);
    if (content === undefined) throw new BadUsage(`there is no ${file}`);
    const { reaches } = await reachOf(content, file, env, foundIn(await repositoryTop(dirname(file), env), env));
    const reaching = reaches.length === 0 ? ', and reaches for nothing that needs it' : `. It reaches for:`;
    if (!args.flag('show')) await trusted.add(file, content);
    const isTrusted = await trusted.has(file, content);
    await output.line(`${file} is ${isTrusted ? 'trusted as it stands' : 'not trusted'}${reaching}`);
    if (reaches.length > 0) await output.line(listed(reaches));
    return isTrusted || reaches.length === 0 ? EXIT.success : EXIT.failures;
  },
};

const fileOf = async (around: FreeAround, word: string | undefined): Promise<string> => {
  const name = word ?? namedIn(around)?.file;
  return name === undefined ? join((await whereFound(around)).from, DEFAULT_FILE) : resolve(around.cwd, name);
};
