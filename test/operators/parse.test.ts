import { firstValueFrom, of } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { DeadLetter } from '../../src/errors.ts';
import { keyOf, type Parsed, parse, recordOf, unpack, unpackOne } from '../../src/operators/parse.ts';
import { superseded } from '../../src/operators/stage.ts';
import { type Event, encode, eventSchema } from '../../src/records.ts';
import { lent } from '../support/lent.ts';

const event: Event = { v: 1, id: 'e', kind: 'look', instance: 'i', project: 'p', ref: 'main', runs: [], at: 1 };
const bytes = (text: string) => new TextEncoder().encode(text);
const read = parse(eventSchema);

describe('reading a record', () => {
  it('gives it as it was written, with its delivery', () => {
    const delivery = lent({ value: encode(event), key: 'a key' });
    const parsed = read(delivery);
    expect(parsed.record).toEqual(event);
    expect(parsed.delivery).toBe(delivery);
    expect(keyOf(parsed)).toBe('a key');
    expect(recordOf(parsed)).toEqual(event);
  });

  it('keeps paths that are not UTF-8 unit by unit', () => {
    const odd = { ...event, paths: ['caf\udce9.md', '\udc80'] };
    expect(read(lent({ value: encode(odd) })).record).toEqual(odd);
  });

  it('takes no value for a tombstone', () => {
    const parsed = read(lent({ value: null }));
    expect(parsed.record).toBeNull();
    expect(recordOf(parsed)).toBeUndefined();
  });

  it.each([
    ['no bytes', ''],
    ['no JSON', '{"v":1'],
    ['another shape', '{"v":1,"id":7}'],
    ['another version', JSON.stringify({ ...event, v: 2 })],
    ['null', 'null'],
  ])('finds %s unreadable, and says why without throwing', (_, text) => {
    const { record } = read(lent({ value: bytes(text) }));
    expect(record).toBeInstanceOf(DeadLetter);
    expect(record).toMatchObject({ kind: 'unreadable' });
    expect((record as DeadLetter).message).toMatch(/^no record of this topic: ./);
    expect((record as DeadLetter).cause).toBeDefined();
  });

  it('finds what was too large to be held too large, not gone', () => {
    const parsed = read(lent({ value: null, oversized: true }));
    expect(parsed.record).toMatchObject({ name: 'DeadLetter', kind: 'too_large' });
    expect(recordOf(parsed)).toBeUndefined();
  });

  it('takes fields that a later version adds', () => {
    expect(read(lent({ value: bytes(JSON.stringify({ ...event, more: 'later' })) })).record).toEqual(event);
  });
});

describe('unpacking', () => {
  const parsed = (value: Uint8Array | null): Parsed<Event> => read(lent({ value }));
  const all = (first: Parsed<Event>, ...others: Parsed<Event>[]) =>
    firstValueFrom(of([first, ...others] as const).pipe(unpack<Event>()));
  const one = (first: Parsed<Event>) => firstValueFrom(of([first] as const).pipe(unpackOne<Event>()));

  it('gives the records of what is worked on together, in order', async () => {
    const other = { ...event, id: 'other' };
    expect(await all(parsed(encode(event)), parsed(null), parsed(encode(other)))).toEqual([event, other]);
    expect(await one(parsed(encode(event)))).toEqual(event);
  });

  it('supersedes tombstones', async () => {
    expect(await all(parsed(null))).toEqual(superseded('tombstone'));
    expect(await one(parsed(null))).toEqual(superseded('tombstone'));
  });

  it('throws what was unreadable, as poison of this stage', async () => {
    await expect(all(parsed(bytes('?')))).rejects.toBeInstanceOf(DeadLetter);
    await expect(one(parsed(bytes('?')))).rejects.toBeInstanceOf(DeadLetter);
  });
});
