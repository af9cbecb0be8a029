import { BadConfiguration } from '../errors.ts';
import type { Config, PipelineOptions } from './schema.ts';
import type { NamedServer } from './user.ts';

export const optionsOf = ({ pipelines }: Config, name: string): PipelineOptions => {
  const options = Object.hasOwn(pipelines, name) ? pipelines[name] : undefined;
  if (!options)
    throw new BadConfiguration(`there is no pipeline "${name}"; there are ${Object.keys(pipelines).join(', ')}`);
  return options;
};

/** Of all pipelines. */
export const serversOf = ({ pipelines }: Pick<Config, 'pipelines'>): readonly NamedServer[] =>
  Object.values(pipelines).flatMap(({ sources }) => sources.flatMap(({ gitlab }) => (gitlab ? [gitlab] : [])));
