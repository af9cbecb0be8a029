/** The calls of the `VectorStore` port as they run in the writer's thread: which generations there are, and the alias. */
import { StopFlow } from '../../errors.ts';
import { type Blob, bytesOf, type Database, fromText, toText } from './database.ts';
import { createGenerationTables, dropGenerationTables } from './schema.ts';

export interface GenerationTables {
  /** Its tables bear this number. */
  readonly number: number;
  readonly dimensions: number;
}

/** Every call names its generation, and they hardly ever change. */
const known = new WeakMap<Database, Map<string, GenerationTables>>();

/** After whatever may have changed them, a transaction that was undone among it. */
export const forgetGenerations = (database: Database): void => {
  known.delete(database);
};

/** Throws `StopFlow` for one that is not there. */
export const findGeneration = (database: Database, name: string): GenerationTables => {
  const before = known.get(database)?.get(name);
  if (before) return before;
  const found = lookUp(database, name);
  if (!found) throw new StopFlow(`embedded store: generation ${JSON.stringify(name)} is not there`);
  const all = known.get(database) ?? new Map<string, GenerationTables>();
  known.set(database, all.set(name, found));
  return found;
};

const lookUp = (database: Database, name: string): GenerationTables | undefined => {
  const row = database.get<[number, number]>('SELECT number, dimensions FROM generations WHERE name = ?', [
    toText(name),
  ]);
  return row && { number: row[0], dimensions: row[1] };
};

export const generationReads = (database: Database) => ({
  probe(): void {
    database.get('SELECT count(*) FROM generations', []);
  },
  generations: (): string[] =>
    database.all<[Blob]>(`SELECT ${bytesOf('name')} FROM generations`, []).map(([name]) => fromText(name)),
  active(): string | undefined {
    const row = database.get<[Blob]>(`SELECT ${bytesOf('generation')} FROM alias`, []);
    return row && fromText(row[0]);
  },
});

export const generationWrites = (database: Database) => ({
  create(name: string, dimensions: number): void {
    const there = lookUp(database, name);
    if (there && there.dimensions !== dimensions) {
      throw new StopFlow(
        `embedded store: create generation ${JSON.stringify(name)} with ${dimensions} dimensions: ` +
          `it is there with ${there.dimensions}`,
      );
    }
    if (there) return;
    database.run('INSERT INTO generations (name, dimensions) VALUES (?, ?)', [toText(name), dimensions]);
    database.exec(createGenerationTables(findGeneration(database, name).number));
  },
  drop(name: string): void {
    const there = lookUp(database, name);
    if (!there) return;
    database.forget();
    forgetGenerations(database);
    database.exec(dropGenerationTables(there.number));
    database.run('DELETE FROM generations WHERE number = ?', [there.number]);
    database.run('DELETE FROM alias WHERE generation = ?', [toText(name)]);
  },
  activate(name: string): void {
    findGeneration(database, name);
    database.run(
      'INSERT INTO alias (one, generation) VALUES (1, ?) ON CONFLICT (one) DO UPDATE SET generation = excluded.generation',
      [toText(name)],
    );
  },
});
