import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { streamOutput } from '../../src/cli/output.ts';
import { makeLogger } from '../../src/runtime/logs.ts';
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
  it.each([true, false])('is one line an event, without escapes (readable: %s)', (readable) => {
    let log = '';
    const logger = makeLogger({ level: 'info', readable, write: (text) => (log += text) });
    logger.info({ path: `a\n${EVIL}` }, 'look filed');
    expect(log.trimEnd()).not.toMatch(HIDDEN);
    if (!readable) expect(JSON.parse(log)).toMatchObject({ path: `a\n${EVIL}` });
  });
});
