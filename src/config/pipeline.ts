import { BadConfiguration } from '../errors.ts';
import type { NamedGitlab } from './gitlab-user.ts';
import type { Config, PipelineOptions } from './schema.ts';

export const optionsOf = ({ pipelines }: Config, name: string): PipelineOptions => {
  const options = Object.hasOwn(pipelines, name) ? pipelines[name] : undefined;
  if (!options)
    throw new BadConfiguration(`there is no pipeline "${name}"; there are ${Object.keys(pipelines).join(', ')}`);
  return options;
};

/** Of all pipelines. */
export const gitlabsOf = ({ pipelines }: Pick<Config, 'pipelines'>): readonly NamedGitlab[] =>
  Object.values(pipelines).flatMap(({ sources }) => sources.flatMap(({ gitlab }) => (gitlab ? [gitlab] : [])));
