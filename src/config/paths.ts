/** What the text of an option names: a path, or something elsewhere that is no path. */
import { isAbsolute } from 'node:path';

/** A repository that git would have to fetch from elsewhere. */
export const isRemote = (path: string): boolean => /^[a-z][a-z0-9+.-]*:\/\/|^[^/\\\s]+@[^/\\\s]+:/i.test(path);

/** A model that lies in a directory, and is not a name on a hub. */
export const isDirectory = (model: string): boolean => isAbsolute(model) || /^\.\.?([\\/]|$)/.test(model);
