import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  withCredentials,
  withoutCredentials,
  withoutSecretFields,
  withSecretFields,
} from '../../src/config/credentials.ts';
import { BadConfiguration, maskedText, messageOf, StopFlow, TryAgain } from '../../src/errors.ts';

describe('a text that is told', () => {
  it.each([
    ['https://me:SECRET@h.example/x', 'https://***@h.example/x'],
    ['redis://:SECRET@h', 'redis://***@h'],
    ['https://SECRET@h.example:80/?a=b@c', 'https://***@h.example:80/?a=b@c'],
    ['GET https://h/x?token=SECRET&page=2: no answer', 'GET https://h/x?token=***&page=2: no answer'],
    ['https://h/?api_key=SECRET#x', 'https://h/?api_key=***#x'],
    ['https://h/?v=1&sig=SECRET%3D', 'https://h/?v=1&sig=***'],
    ['https://h/?X-Amz-Credential=SECRET&X-Amz-Date=SECRET', 'https://h/?X-Amz-Credential=***&X-Amz-Date=***'],
    ['https://h/f?code=SECRET', 'https://h/f?code=***'],
    ['https://h/#access_token=SECRET', 'https://h/#access_token=***'],
    ['{"url":"https://me:SECRET@h","mail":"a@b"}', '{"url":"https://***@h","mail":"a@b"}'],
  ])('covers what %j is opened with', (text, covered) => {
    expect(maskedText(text)).toBe(covered);
  });

  it.each([
    'https://example.com/@scope/x git@example.com:team/x.git',
    'https://h/openai/deployments/x/embeddings?api-version=2024-02-01',
    'see https://h.example, and write to me@h.example',
    'a?b=c&per_page=100',
  ])('leaves %j alone', (text) => {
    expect(maskedText(text)).toBe(text);
  });

  it('takes no longer for a long text than it is long', () => {
    const took = (text: string) => {
      const from = performance.now();
      maskedText(text);
      return performance.now() - from;
    };
    for (const part of ['a', '://', '?token', '://a', '&key=', '?.'])
      expect(took(part.repeat(200_000)), part).toBeLessThan(2_000);
  });

  it('is every error, however it came to its message', () => {
    const message = 'ask https://me:SECRET@h/?token=SECRET';
    for (const error of [new TryAgain(message), new StopFlow(message), new BadConfiguration(message)])
      expect(error.message).not.toContain('SECRET');
    expect(messageOf(new TypeError(message))).not.toContain('SECRET');
    expect(messageOf(message)).not.toContain('SECRET');
  });
});

describe('a URL that is stored', () => {
  it('has no credentials, and gets them back from the one that is configured', () => {
    const url = 'https://me:SECRET@h.example/v1?token=SECRET&api-version=3';
    const stored = withoutCredentials(url);
    expect(stored).toBe('https://h.example/v1?api-version=3');
    const opened = new URL(withCredentials(stored, url));
    expect([opened.username, opened.password, opened.searchParams.get('token')]).toEqual(['me', 'SECRET', 'SECRET']);
  });

  it('stays as it was written where it has none', () => {
    for (const url of ['http://h', 'HTTP://h/%7e?a=b+c'])
      for (const same of [withoutCredentials(url), withCredentials(url, 'http://other/?x=y')]) expect(same).toBe(url);
  });
});

describe('fields that are stored', () => {
  it('have no key, and get it back', () => {
    const fields = {
      input_type: 'passage',
      pad_token: '[PAD]',
      api_key: 'SECRET',
      auth: { password: 'SECRET', as: 1 },
    };
    const stored = withoutSecretFields(fields);
    expect(stored).toEqual({ input_type: 'passage', pad_token: '[PAD]', auth: { as: 1 } });
    expect(withSecretFields(stored, fields)).toEqual(fields);
  });

  it('keep what they are where another configuration has other ones', () => {
    expect(withSecretFields({ input_type: 'a' }, { input_type: 'b', dimensions: 3, token: 'new' })).toEqual({
      ...{ input_type: 'a', token: 'new' },
    });
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), (fields) => {
        expect(withSecretFields(withoutSecretFields(fields), fields)).toEqual(fields);
      }),
    );
  });
});
