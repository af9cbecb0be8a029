/** Finds one's way in the schema: from a path to what is expected there, what it means and what holds without it. */
import { z } from 'zod';
import { alternatives, type OptionMeta } from './options.ts';

export interface Described {
  /** What is left when defaults and the like are taken off. */
  readonly core: z.ZodType;
  readonly meta: OptionMeta;
  /** What holds when nothing is said; `undefined` where that is nothing. */
  readonly fallback: unknown;
}

const inner = (schema: z.ZodType): z.ZodType | undefined => {
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional)
    return schema.def.innerType as z.ZodType;
  // A preprocessing step: what counts is what comes out of it.
  if (schema instanceof z.ZodPipe) return schema.def.out as z.ZodType;
  return undefined;
};

export const describe = (schema: z.ZodType): Described => {
  const below = inner(schema);
  const meta = (schema.meta() ?? {}) as OptionMeta;
  const own = schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault ? schema.def.defaultValue : undefined;
  if (!below) return { core: schema, meta, fallback: own };
  const rest = describe(below);
  return { core: rest.core, meta: { ...rest.meta, ...meta }, fallback: own ?? rest.fallback };
};

export type Section = z.ZodObject;

export const isSection = (schema: z.ZodType): schema is Section => schema instanceof z.ZodObject;

export const isChoice = (schema: z.ZodType): schema is z.ZodDiscriminatedUnion =>
  schema instanceof z.ZodDiscriminatedUnion;

export const sectionsOf = (choice: z.ZodDiscriminatedUnion): readonly Section[] =>
  (choice.options as readonly z.ZodType[]).filter(isSection);

export const kindOf = (section: Section): string => {
  const kind = section.shape.kind;
  return kind instanceof z.ZodLiteral ? String(kind.value) : '';
};

export const optionsOf = (section: Section): readonly (readonly [string, z.ZodType])[] =>
  Object.entries(section.shape) as [string, z.ZodType][];

export const elementOf = (core: z.ZodType): z.ZodType | undefined => {
  if (core instanceof z.ZodArray) return core.element as z.ZodType;
  if (core instanceof z.ZodRecord) return core.valueType as z.ZodType;
  return undefined;
};

/** The section that a value belongs to: of several kinds the one that it names. */
export const sectionFor = (core: z.ZodType, value: unknown): Section | undefined => {
  if (isSection(core)) return core;
  if (!isChoice(core)) return undefined;
  return sectionsOf(core).find((section) => kindOf(section) === (value as { kind?: unknown } | undefined)?.kind);
};

/** The schema of one key or item of a value, if it has one. */
export const below = (schema: z.ZodType, key: PropertyKey, value: unknown): z.ZodType | undefined => {
  const { core } = describe(schema);
  return elementOf(core) ?? optionsOf(sectionFor(core, value) ?? z.object({})).find(([name]) => name === key)?.[1];
};

export const expectation = (schema: z.ZodType): string => {
  const { core, meta } = describe(schema);
  if (meta.expected) return meta.expected;
  if (core instanceof z.ZodArray) return `a list, each item ${expectation(core.element as z.ZodType)}`;
  if (core instanceof z.ZodRecord) return 'a section with a name for each entry';
  if (core instanceof z.ZodLiteral) return String(core.value);
  if (isChoice(core)) return `a section with the kind ${alternatives(sectionsOf(core).map(kindOf))}`;
  if (isSection(core)) {
    const names = optionsOf(core).map(([name]) => name);
    return `a section with ${names.join(', ')}`;
  }
  return core.def.type;
};
