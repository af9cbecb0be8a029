/** Logs: JSON for programs, a line that can be read for a person. */
import pino, { type Logger } from 'pino';
import { BadUsage, maskedText } from '../errors.ts';
import { inLine, printable, quoted } from './printable.ts';

export const LOG_FORMATS = ['text', 'json'] as const;
type LogFormat = (typeof LOG_FORMATS)[number];

/** Throws `BadUsage` for a format that is none. */
export const logFormatOf = (given: string | undefined, stream: { readonly isTTY?: boolean }): LogFormat => {
  const format = LOG_FORMATS.find((known) => known === (given ?? (stream.isTTY === true ? 'text' : 'json')));
  if (!format) throw new BadUsage(`--log: expected ${LOG_FORMATS.join(' or ')}, got ${quoted(given)}`);
  return format;
};

export interface LogOptions {
  readonly level: 'info' | 'warn';
  readonly format: LogFormat;
  /** Of text; JSON has no colours. */
  readonly coloured: boolean;
  readonly write: (text: string) => void;
}

export const makeLogger = ({ level, format, coloured, write }: LogOptions): Logger => {
  const shown = format === 'json' ? printable : coloured ? (text: string) => lineOf(text, paint) : lineOf;
  return pino({ level, base: null }, { write: (text: string) => write(maskedText(shown(text))) });
};

type Paint = (style: number, text: string) => string;
const paint: Paint = (style, text) => `\u001b[${style}m${text}\u001b[0m`;
const plainly: Paint = (_, text) => text;

const DIM = 2;
const LEVELS: Readonly<Record<number, { readonly name: string; readonly style: number }>> = {
  30: { name: 'info ', style: 36 },
  40: { name: 'warn ', style: 33 },
  50: { name: 'error', style: 31 },
  60: { name: 'fatal', style: 31 },
};

const lineOf = (text: string, painted = plainly): string => {
  const { level, time, msg, ...rest } = JSON.parse(text) as { level: number; time: number; msg: string };
  const facts = Object.entries(rest).map(([key, value]) => `${key}=${plain(value)}`);
  const at = new Date(time).toTimeString().slice(0, 8);
  const { name, style } = LEVELS[level] ?? { name: 'debug', style: DIM };
  const told = facts.length > 0 ? `  ${painted(DIM, inLine(facts.join(' ')))}` : '';
  return `${painted(DIM, at)} ${painted(style, name)} ${inLine(msg)}${told}\n`;
};

const plain = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /\s/.test(text) ? JSON.stringify(text) : text;
};
