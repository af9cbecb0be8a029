/** What a node of a syntax tree defines, whatever the grammar calls it. */
import type { Node } from '@vscode/tree-sitter-wasm';

export interface Definition {
  readonly title: string;
  /** Whether what stands in it are definitions again, and not statements. */
  readonly container: boolean;
  /** Where the node that says so begins: what wraps it finds the same definition. */
  readonly at: number;
}

/** What only exports, decorates or types the definition in it, by the field or the type that leads to it. */
const WRAPPERS: Readonly<Record<string, readonly string[]>> = {
  ambient_declaration: ['declaration', 'statement_block'],
  decorated_definition: ['definition'],
  declaration: ['type', 'declarator'],
  export_statement: ['declaration', 'value'],
  expression_statement: ['internal_module', 'assignment', 'assignment_expression'],
  field_declaration: ['type', 'declarator'],
  friend_declaration: ['function_definition'],
  template_declaration: [
    'function_definition',
    'class_specifier',
    'struct_specifier',
    'alias_declaration',
    'declaration',
  ],
  lexical_declaration: ['variable_declarator'],
  type_declaration: ['type_spec', 'type_alias'],
  type_definition: ['declarator'],
  variable_declaration: ['variable_declarator'],
};

const CONTAINERS = new Set([
  'abstract_class_declaration',
  'annotation_type_declaration',
  'class',
  'class_declaration',
  'class_definition',
  'class_specifier',
  'enum_declaration',
  'enum_item',
  'enum_specifier',
  'impl_item',
  'interface_declaration',
  'internal_module',
  'mod_item',
  'module',
  'namespace_declaration',
  'namespace_definition',
  'record_declaration',
  'singleton_class',
  'struct_declaration',
  'struct_item',
  'struct_specifier',
  'trait_item',
  'union_item',
  'union_specifier',
]);

const DEFINITIONS = new Set([
  ...CONTAINERS,
  'const_item',
  'constructor_declaration',
  'delegate_declaration',
  'destructor_declaration',
  'function_declaration',
  'function_definition',
  'function_item',
  'function_signature_item',
  'generator_function_declaration',
  'indexer_declaration',
  'local_function_statement',
  'macro_definition',
  'method',
  'method_declaration',
  'method_definition',
  'operator_declaration',
  'preproc_def',
  'preproc_function_def',
  'property_declaration',
  'singleton_method',
  'static_item',
  'type_alias',
  'type_alias_declaration',
  'type_definition',
  'type_item',
  'type_spec',
]);

/** What gives a name to the value of several lines that follows it. */
const NAMED_VALUES: Readonly<Record<string, readonly [name: string, value: string]>> = {
  assignment: ['left', 'right'],
  assignment_expression: ['left', 'right'],
  pair: ['key', 'value'],
  public_field_definition: ['name', 'value'],
  variable_declarator: ['name', 'value'],
};
const NAMEABLE =
  /function|class|lambda|object|array|dictionary|list|set|hash|^call_expression$|struct|template_string|method/;

const MAX_TITLE = 200;

export const definitionOf = (node: Node, depth = 0): Definition | undefined => {
  const { type } = node;
  if (DEFINITIONS.has(type)) {
    const title = titleOf(node);
    if (title !== undefined) return { title, container: CONTAINERS.has(type), at: node.startIndex };
  }
  const named = Object.hasOwn(NAMED_VALUES, type) ? NAMED_VALUES[type] : undefined;
  if (named) {
    const [name, value] = named.map((field) => node.childForFieldName(field));
    if (!name || !value || !NAMEABLE.test(value.type) || !/^[\w$.:@'"`-]+$/.test(name.text)) return undefined;
    const title = clean(name.text);
    return title === undefined ? undefined : { title, container: value.type === 'class', at: node.startIndex };
  }
  const inner = Object.hasOwn(WRAPPERS, type) ? WRAPPERS[type] : undefined;
  if (!inner || depth > 4) return undefined;
  for (const step of inner) {
    const child = node.childForFieldName(step) ?? node.namedChildren.find((one) => one?.type === step);
    const found = child ? definitionOf(child, depth + 1) : undefined;
    if (found) return found;
  }
  return undefined;
};

const titleOf = (node: Node): string | undefined => {
  const name = node.childForFieldName('name');
  switch (node.type) {
    case 'impl_item': {
      const type = node.childForFieldName('type')?.text ?? '';
      const trait = node.childForFieldName('trait')?.text;
      return clean(trait === undefined ? type : `${trait} for ${type}`);
    }
    case 'method_declaration': {
      // Go says outside of its name what a method belongs to.
      const receiver = node.childForFieldName('receiver')?.descendantsOfType('type_identifier')[0]?.text;
      return clean(receiver === undefined ? (name?.text ?? '') : `${receiver}.${name?.text ?? ''}`);
    }
    case 'singleton_class':
      return clean(`<< ${node.childForFieldName('value')?.text ?? ''}`);
    default:
      return clean(name?.text ?? declared(node.childForFieldName('declarator'))?.text ?? '');
  }
};

/** C and C++ wrap a name into how it is used: `*name(...)`. */
const declared = (declarator: Node | null): Node | null => {
  let node = declarator;
  for (let steps = 0; node && steps < 10; steps += 1) {
    const inner: Node | null =
      node.childForFieldName('declarator') ?? (node.type === 'reference_declarator' ? node.namedChild(0) : null);
    if (!inner) return node;
    node = inner;
  }
  return node;
};

const clean = (raw: string): string | undefined => {
  const title = raw
    .slice(0, 2 * MAX_TITLE)
    .replace(/\s+/g, ' ')
    .replace(/^['"`]|['"`]$/g, '')
    .trim()
    .slice(0, MAX_TITLE)
    // Not half of a character.
    .replace(/[\uD800-\uDBFF]$/, '');
  return title === '' ? undefined : title;
};
