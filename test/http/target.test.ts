import { expect, it } from 'vitest';
import { targetOf } from '../../src/http/target.ts';

it.each(['//', '///', '//[', '//a/b', '*', '', 'localhost:443', '?', 'http://', 'http://[', 'ftp://localhost/', '\0'])(
  'a target that names nothing is none, and throws nothing: %j',
  (target) => expect(targetOf(target)).toBeUndefined(),
);

it.each([
  ['/', '/'],
  ['/v1/search?pipeline=x', '/v1/search'],
  ['/v1/documents/%ff', '/v1/documents/%ff'],
  ['/a/../status', '/status'],
  ['http://localhost:7717/status', '/status'],
  ['HTTP://LOCALHOST/Status', '/Status'],
])('a target names a path: %j', (target, pathname) => expect(targetOf(target)?.pathname).toBe(pathname));
