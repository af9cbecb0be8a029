import { describe, expect, it } from 'vitest';
import { codeOf, reasonOf } from '../src/errors.ts';

describe('the reason of a request that failed', () => {
  it('is said by the cause, which `fetch` hides', async () => {
    const error = await fetch('http://127.0.0.1:1/').catch((thrown: unknown) => thrown);
    expect(reasonOf(error)).toMatch(/^fetch failed: ./);
  });

  it('is a code where the cause has no words, as when every address of a host has refused', () => {
    const cause = Object.assign(new AggregateError([]), { code: 'ECONNREFUSED' });
    expect(reasonOf(new TypeError('fetch failed', { cause }))).toBe('fetch failed: ECONNREFUSED');
    expect(reasonOf(new TypeError('fetch failed', { cause: new RangeError() }))).toBe('fetch failed: RangeError');
  });

  it('is the message alone where there is no cause', () => {
    expect(reasonOf(new Error('no route'))).toBe('no route');
    expect(reasonOf('no route')).toBe('no route');
  });
});

it('a code is told of an error that has one, and of nothing else', () => {
  expect(codeOf(Object.assign(new Error(), { code: 'ENOENT' }))).toBe('ENOENT');
  for (const other of [new Error(), Object.assign(new Error(), { code: 7 }), { code: 'ENOENT' }, undefined])
    expect(codeOf(other)).toBe('');
});
