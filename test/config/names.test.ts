import { expect, it } from 'vitest';
import { clash, names } from '../../src/config/names.ts';

it('names follow from the pipeline', () => {
  const found = names('docs', { topics: undefined, alias: undefined });
  expect(found.topics).toEqual({
    events: 'tidemark.docs.events',
    eventsBackfill: 'tidemark.docs.events.backfill',
    changes: 'tidemark.docs.changes',
    changesBackfill: 'tidemark.docs.changes.backfill',
    documents: 'tidemark.docs.documents',
    deadLetters: 'tidemark.docs.dead-letters',
  });
  expect(found.alias).toBe('tidemark-docs');
  expect(found.generation('0a1b')).toBe('tidemark-docs-0a1b');
  expect(found.ledger('tidemark-docs-0a1b')).toBe('tidemark-docs-0a1b-ledger');
  expect(found.state).toBe('tidemark-docs-state');
});

it('every flow has a group of its own, and every generation one', () => {
  const { groups } = names('docs', { topics: undefined, alias: undefined });
  expect(groups.plan).toBe('tidemark.docs.plan');
  expect(groups.collect).toBe('tidemark.docs.collect');
  expect(groups.index('one')).not.toBe(groups.index('two'));
});

it('alias and topics may be chosen', () => {
  const found = names('docs', { topics: 'search', alias: 'team' });
  expect(found.topics.events).toBe('search.events');
  expect(found.groups.plan).toBe('search.plan');
  expect(found.state).toBe('team-state');
});

it('pipelines whose names begin alike do not clash', () => {
  const of = (name: string) => names(name, { topics: undefined, alias: undefined });
  expect(clash(of('docs'), of('docs-events'))).toBeUndefined();
  expect(clash(of('docs'), of('docs-old'))).toBeUndefined();
  expect(clash(of('docs'), of('docs-state'))).toMatchObject({ option: 'alias' });
});
