import { expect, it } from 'vitest';
import { expand, protect, restore } from '../../src/config/expand.ts';

const env = { NAME: 'value', EMPTY: '', BRACES: '${NAME}' };
const text = (given: string) => expand(given, env).text;

it('puts variables into the text around them', () => {
  expect(text('a ${NAME} and ${NAME}!')).toBe('a value and value!');
  expect(text('no variable: $NAME {NAME} $')).toBe('no variable: $NAME {NAME} $');
});

it('takes the default where a variable is not set or empty, as a shell does', () => {
  expect(text('${NONE:-other} ${EMPTY:-other} ${NAME:-other} ${NONE:-}')).toBe('other other value ');
  expect(text('${NONE:-https://host:1/x?y=z}')).toBe('https://host:1/x?y=z');
  expect(text('[${EMPTY}]')).toBe('[]');
});

it('does not expand what came in', () => {
  expect(text('${BRACES}')).toBe('${NAME}');
});

it('leaves what is escaped', () => {
  expect(text('$${NAME} costs $$5')).toBe('${NAME} costs $$5');
});

it('names each variable that is not set', () => {
  expect(expand('${ONE}${TWO}', {}).problems.map((problem) => problem.slice(0, 27))).toEqual([
    'the environment has no ONE:',
    'the environment has no TWO:',
  ]);
});

it.each(['${}', '${1X}', '${NAME', '${NAME-x}', '${NAME:x}', '${ NAME }'])('refuses %s', (given) => {
  expect(expand(given, env)).toMatchObject({ text: given, problems: [expect.stringContaining('expected ${NAME} or')] });
});

it('moves references out of the way of YAML, each character where it was, and back', () => {
  const yaml = 'a: [${A}, ${B:-x, [y]: #z}] # ${C}\n"${D:-"}": $${E} 日本 ${';
  const away = protect(yaml);
  expect(away).toHaveLength(yaml.length);
  expect(away).not.toContain('${A}');
  expect(restore(away)).toBe(yaml);
});
