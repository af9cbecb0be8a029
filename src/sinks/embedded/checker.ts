/**
 * Reads a store that may be damaged, in a process of its own, which the driver may bring down: a finding a line on
 * standard output. `embedded-check.ts` starts it, with the file and `quick` or `whole`.
 */
import { Damaged, messageOf } from '../../errors.ts';
import { SECOND } from '../../units.ts';
import { type Blob, bytesOf, type Database, reaction, textOf, toBytes } from './database.ts';
import { openForReading, SCHEMA_VERSION } from './schema.ts';
import { STATE, type Summed, summedOf, sumOf } from './sums.ts';

/** Beyond so many findings more of them say nothing new. */
const MAX_FINDINGS = 10;
const BUSY_MS = 5 * SECOND;
/** A higher number than any version will ever reach is no version. */
const MAX_VERSION = 100;

/** What SQLite finds: trees that are none, indexes and tables that contradict each other. */
const ofSqlite = (database: Database, how: 'quick' | 'whole'): string[] => {
  const pragma = how === 'quick' ? 'quick_check' : 'integrity_check';
  return database
    .all<[Blob]>(`SELECT ${bytesOf(pragma)} FROM pragma_${pragma}(${MAX_FINDINGS})`, [])
    .map(([found]) => Buffer.from(toBytes(found)).toString('latin1'))
    .filter((found) => found !== 'ok');
};

/** Rows that are not what their sum was made of. */
const ofSums = (database: Database, { columns, from }: Summed): string[] => {
  const read = columns.map((column) => bytesOf(column.includes('.') ? column : `t.${column}`));
  let differing = 0;
  for (const [sum, ...found] of database.each<[number, ...(Blob | null)[]]>(
    `SELECT t.sum, ${read.join()} FROM ${from} WHERE t.sum IS NOT NULL`,
  ))
    if (sumOf(...found.map((bytes) => (bytes === null ? '' : new Uint8Array(toBytes(bytes))))) !== sum) differing += 1;
  return differing === 0 ? [] : [`${differing} rows of ${from.split(' ', 1)[0]} are not what was written`];
};

/** What our tables owe each other, each as a query of what breaks it. */
const ofTables = (database: Database, g: number, dimensions: number): string[] => {
  const last = (table: string) => `coalesce((SELECT seq FROM sqlite_sequence WHERE name = '${table}_${g}'), 0)`;
  const rules: readonly (readonly [what: string, from: string])[] = [
    ['points without a document', `points_${g} WHERE document NOT IN (SELECT document FROM ledger_${g})`],
    ['points without a content', `points_${g} WHERE point NOT IN (SELECT point FROM contents_${g})`],
    ['points without a vector', `points_${g} WHERE vector NOT IN (SELECT vector FROM vectors_${g})`],
    ['contents without a point', `contents_${g} WHERE point NOT IN (SELECT point FROM points_${g})`],
    ['removed points that are there', `removed_${g} WHERE point IN (SELECT point FROM points_${g})`],
    [
      'vectors whose uses are miscounted',
      `vectors_${g} LEFT JOIN (SELECT vector, count(*) AS found FROM points_${g} GROUP BY vector) USING (vector)
       WHERE uses <> coalesce(found, 0)`,
    ],
    ['vectors of another length', `vectors_${g} WHERE length(floats) <> ${dimensions * 4}`],
    ['documents beyond the last number', `ledger_${g} WHERE document > ${last('ledger')}`],
    ['points beyond the last number', `points_${g} WHERE point > ${last('points')}`],
  ];
  return rules.flatMap(([what, from]) => {
    const [found = 0] = database.get<[number]>(`SELECT count(*) FROM ${from}`, []) ?? [];
    return found === 0 ? [] : [`generation ${g} has ${found} ${what}`];
  });
};

const ofVersion = (database: Database): string[] => {
  const [version = 0] = database.get<[number]>('PRAGMA user_version', []) ?? [];
  const columns = database.all<[Blob]>(`SELECT ${bytesOf('name')} FROM pragma_table_info('state')`, []);
  const hasSums = columns.some(([name]) => textOf(name) === 'sum');
  const expected = columns.length === 0 ? 0 : hasSums ? SCHEMA_VERSION : 1;
  const isNewer = version > SCHEMA_VERSION && version < MAX_VERSION;
  return version === expected || isNewer ? [] : [`its schema says to be version ${version}, and is ${expected}`];
};

const ofOurs = (database: Database): string[] => {
  const findings = ofVersion(database);
  const [version = 0] = database.get<[number]>('PRAGMA user_version', []) ?? [];
  if (findings.length > 0 || version === 0 || version > SCHEMA_VERSION) return findings;
  const generations = database.all<[g: number, dimensions: number]>('SELECT number, dimensions FROM generations', []);
  const [unknown = 0] =
    database.get<[number]>('SELECT count(*) FROM alias WHERE generation NOT IN (SELECT name FROM generations)', []) ??
    [];
  if (unknown > 0) findings.push('the generation that answers is not there');
  for (const [g, dimensions] of generations) findings.push(...ofTables(database, g, dimensions));
  if (version < SCHEMA_VERSION) return findings;
  for (const summed of [STATE, ...generations.flatMap(([g]) => summedOf(g))])
    findings.push(...ofSums(database, summed));
  return findings;
};

const check = (file: string, how: 'quick' | 'whole'): string[] => {
  let database: Database | undefined;
  try {
    database = openForReading({ file, busyMs: BUSY_MS, maxBytes: 0 });
    const findings = ofSqlite(database, how);
    return findings.length > 0 || how === 'quick' ? findings : ofOurs(database);
  } catch (error) {
    const known = reaction('check', error);
    return [known instanceof Damaged ? known.finding : messageOf(known)];
  } finally {
    database?.close();
  }
};

const [file = '', how] = process.argv.slice(2);
for (const finding of check(file, how === 'quick' ? 'quick' : 'whole').slice(0, MAX_FINDINGS))
  process.stdout.write(`${finding.replace(/\s+/g, ' ')}\n`);
