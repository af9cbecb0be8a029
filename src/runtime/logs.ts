/** Logs: JSON for programs, a line that can be read for a person at a terminal. */
import pino, { type Logger } from 'pino';
import { maskedText } from '../errors.ts';
import { inLine, printable } from './printable.ts';

export interface LogOptions {
  readonly level: 'info' | 'warn';
  readonly readable: boolean;
  readonly write: (text: string) => void;
}

const LEVELS: Readonly<Record<number, string>> = { 40: ' warning:', 50: ' error:', 60: ' fatal:' };

export const makeLogger = ({ level, readable, write }: LogOptions): Logger =>
  pino(
    { level, base: null },
    { write: (text: string) => write(maskedText(readable ? lineOf(text) : printable(text))) },
  );

const lineOf = (text: string): string => {
  const { level, time, msg, ...rest } = JSON.parse(text) as { level: number; time: number; msg: string };
  const facts = Object.entries(rest).map(([key, value]) => `${key}=${plain(value)}`);
  const at = new Date(time).toTimeString().slice(0, 8);
  return `${at}${LEVELS[level] ?? ''} ${inLine([msg, ...facts].join(' '))}\n`;
};

const plain = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return /\s/.test(text) ? JSON.stringify(text) : text;
};
