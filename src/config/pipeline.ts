import type { Config, PipelineOptions } from '../config.ts';
import { BadConfiguration } from '../errors.ts';

export const optionsOf = ({ pipelines }: Config, name: string): PipelineOptions => {
  const options = Object.hasOwn(pipelines, name) ? pipelines[name] : undefined;
  if (!options)
    throw new BadConfiguration(`there is no pipeline "${name}"; there are ${Object.keys(pipelines).join(', ')}`);
  return options;
};
