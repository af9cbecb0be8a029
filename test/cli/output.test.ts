import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { isColoured, loggedOutput, streamOutput } from '../../src/cli/output.ts';
import { logFormatOf, makeLogger } from '../../src/runtime/logs.ts';
import { inLine, printable, quoted, shellWord } from '../../src/runtime/printable.ts';

const ESC = '\u001b';
/** Colours, a title, a C1 introducer, DEL, a mark of direction, a line separator, a tag beyond the first plane. */
const EVIL = `${ESC}[31mred${ESC}]0;title\u0007\u009b2J\u007f\u202eabc\u2028\u{e0041}`;
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

const written = (styled: boolean, terminal = false) => {
  const [stdout, stderr] = [new PassThrough(), Object.assign(new PassThrough(), { isTTY: terminal, columns: 40 })];
  const textOf = (stream: PassThrough) => String(stream.read() ?? '');
  return {
    output: streamOutput({ stdout, stderr }, () => 0, styled),
    out: () => textOf(stdout),
    err: () => textOf(stderr),
  };
};

describe('what is printed for people', () => {
  it('keeps the lines of a text, and escapes what a terminal obeys or hides', () => {
    expect(printable(`a\r\n\tb\n${EVIL}`)).toBe(
      'a\n\tb\n\\u001b[31mred\\u001b]0;title\\u0007\\u009b2J\\u007f\\u202eabc\\u2028\\udb40\\udc41',
    );
  });

  it('within a line has no end of a line either', () => {
    expect(inLine('a\r\n\tb')).toBe('a\\r\\n\\tb');
    expect(inLine('größer → 漢字 👍')).toBe('größer → 漢字 👍');
  });

  it('quotes a word of any length and content in one short line', () => {
    expect(quoted(`${ESC}\n${'x'.repeat(5_000)}`).length).toBeLessThan(100);
    expect(quoted(`${ESC}\n`)).toBe('"\\u001b\\n"');
  });

  it('a path in a command can be copied into a shell', () => {
    expect(shellWord('/a/b-c.d')).toBe('/a/b-c.d');
    expect(shellWord("/it's; rm -rf /")).toBe("'/it'\\''s; rm -rf /'");
  });
});

describe('the streams of a command', () => {
  it('bear no escape, whoever says it', async () => {
    const { output, out, err } = written(false, true);
    await output.line(`${ESC}[1mbold${ESC}[0m ${EVIL}`);
    output.note(EVIL);
    output.progress(`${EVIL}\nforged`);
    expect(out().replace('\n', '')).not.toMatch(HIDDEN);
    expect(err().replaceAll(`\r${ESC}[2K`, '').replace('\n', '')).not.toMatch(HIDDEN);
  });

  it('at a terminal bear the styles and links of a search, and no others', async () => {
    const { output, out } = written(true);
    const link = `${ESC}]8;;https://gitlab.example.com/a%20b${ESC}\\a b${ESC}]8;;${ESC}\\`;
    await output.line(`${ESC}[1mbold${ESC}[0m ${link}`);
    expect(out()).toBe(`${ESC}[1mbold${ESC}[0m ${link}\n`);
    await output.line(`${ESC}[8mhidden ${ESC}]8;;javascript:x${ESC}\\ ${EVIL}`);
    expect(out()).not.toContain(ESC);
  });

  it('leave JSON what it was', async () => {
    const { output, out } = written(false);
    const value = { path: `a\n${EVIL}`, text: '\ud800' };
    await output.line(JSON.stringify(value));
    const line = out();
    expect(JSON.parse(line)).toEqual(value);
    expect(line.trimEnd()).not.toMatch(HIDDEN);
  });

  it('no line of a message is taken for a message', () => {
    const { output, err } = written(false);
    output.note('tidemark: read a\ntidemark: all is well');
    expect(err()).toBe('tidemark: read a\n  tidemark: all is well\n');
  });
});

describe('a log', () => {
  const logged = (format: 'text' | 'json', coloured = false) => {
    let log = '';
    return { logger: makeLogger({ level: 'info', format, coloured, write: (text) => (log += text) }), log: () => log };
  };

  it.each(['text', 'json'] as const)('is one line an event, without escapes (%s)', (format) => {
    const { logger, log } = logged(format);
    logger.info({ path: `a\n${EVIL}` }, 'look filed');
    expect(log().trimEnd()).not.toMatch(HIDDEN);
    if (format === 'json') expect(JSON.parse(log())).toMatchObject({ path: `a\n${EVIL}` });
  });

  it('has time, level, sentence and facts in this order as text', () => {
    const { logger, log } = logged('text');
    logger.info('search is ready');
    logger.warn({ dependency: 'store', error: 'no answer' }, 'dependency does not answer');
    const [first = '', second = ''] = log().split('\n');
    expect(first).toMatch(/^\d\d:\d\d:\d\d info {2}search is ready$/);
    expect(second.slice(9)).toBe('warn  dependency does not answer  dependency=store error="no answer"');
  });

  it('in colours, lets nothing of its content be one', () => {
    const { logger, log } = logged('text', true);
    logger.error({ path: `${ESC}[2J` }, 'dead-lettered');
    expect(log()).toContain(`${ESC}[31merror${ESC}[0m`);
    expect(log()).not.toContain(`${ESC}[2J`);
  });

  it('is text on a terminal and JSON elsewhere, unless --log says otherwise', () => {
    expect(logFormatOf(undefined, { isTTY: true })).toBe('text');
    expect(logFormatOf(undefined, {})).toBe('json');
    expect(logFormatOf('json', { isTTY: true })).toBe('json');
    expect(logFormatOf('text', {})).toBe('text');
    expect(() => logFormatOf('yaml', {})).toThrow('--log: expected text or json, got "yaml"');
  });

  it('as JSON takes up what a service tells beside it, and progress only now and then', () => {
    const { logger, log } = logged('json');
    let now = 0;
    const { output } = written(false);
    const all = loggedOutput(output, logger, () => now);
    all.note('default: in step');
    for (const text of ['3 on the way', '2 on the way']) all.progress(text);
    now = 5_000;
    all.progress('1 on the way');
    const lines = log().trimEnd().split('\n');
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['default: in step', '3 on the way', '1 on the way']);
  });
});

describe('colours', () => {
  it.each([
    [true, {}, true],
    [false, {}, false],
    [true, { NO_COLOR: '1' }, false],
    [true, { NO_COLOR: '' }, true],
    [true, { TERM: 'dumb' }, false],
    [false, { FORCE_COLOR: '1' }, true],
    [true, { FORCE_COLOR: '0' }, false],
    [false, { FORCE_COLOR: '3', NO_COLOR: '1' }, true],
  ])('on a terminal: %s, with %o: %s', (isTTY, env, coloured) => {
    expect(isColoured({ isTTY }, env)).toBe(coloured);
  });
});
