/** `NAME_FILE` instead of `NAME`, as containers are given their secrets: a file whose content is the value. */
import { BadConfiguration } from '../errors.ts';
import { overrides } from './environment.ts';

type Environment = Readonly<Record<string, string | undefined>>;

const REFERENCE = /\$\{([A-Za-z_][A-Za-z0-9_]*)/g;

/** The variables that Tidemark looks at whatever stands in the file. */
export const ownVariables: readonly string[] = overrides.map(({ name }) => name);

/** And those that the file names beside them. */
export const namedVariables = (content: string): readonly string[] =>
  [...content.matchAll(REFERENCE)].flatMap(([, name = '']) => (ownVariables.includes(name) ? [] : [name]));

/** The environment with what stands in those files, for these variables. */
export const withSecretFiles = async (
  env: Environment,
  names: readonly string[],
  read: (path: string) => Promise<string | undefined>,
): Promise<Environment> => {
  const filled: Record<string, string | undefined> = { ...env };
  for (const name of new Set(names)) {
    const file = env[`${name}_FILE`];
    if (!file) continue;
    if (env[name])
      throw new BadConfiguration(
        `read the configuration: ${name} and ${name}_FILE are both set; one of them is enough`,
      );
    const value = await read(file);
    if (value === undefined)
      throw new BadConfiguration(`read the configuration: ${name}_FILE names "${file}", and there is no such file`);
    filled[name] = value.replace(/\r?\n$/, '');
  }
  return filled;
};
