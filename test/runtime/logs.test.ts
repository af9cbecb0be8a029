import { describe, expect, it } from 'vitest';
import { makeLogger } from '../../src/runtime/logs.ts';

describe('a line of the log', () => {
  it.each(['json', 'text'] as const)('covers users, passwords and tokens of URLs, as %s', (format) => {
    const lines: string[] = [];
    const logger = makeLogger({ level: 'info', format, coloured: false, write: (text) => lines.push(text) });
    logger.info(
      {
        url: 'https://me:hunter22@gitlab.example.com/hook?access_token=hunter22&page=2',
        list: ['redis://:hunter22@host'],
      },
      'fetch https://hunter22@gitlab.example.com/a fails',
    );
    const text = lines.join('');
    expect(text).not.toContain('hunter22');
    expect(text).toContain('https://***@gitlab.example.com/hook?access_token=***&page=2');
    expect(text).toContain('fetch https://***@gitlab.example.com/a fails');
  });
});
