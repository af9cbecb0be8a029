/** Texts that nobody wrote, of words that the built-in model knows; the same for the same seed, no two chunks alike. */
import { readFileSync } from 'node:fs';
import { random } from '../test/trials/sim/random.ts';

const vocabulary = new URL('../models/static-minilm.vocab.txt', import.meta.url);
const WORDS = readFileSync(vocabulary, 'utf8')
  .split('\n')
  .filter((word) => /^[a-z]{3,12}$/.test(word));

export interface Texts {
  /** Every third Markdown, the others code, of about so many bytes. */
  file(number: number, bytes: number): { readonly path: string; readonly content: string };
  question(): string;
}

export const texts = (seed: number): Texts => {
  const chance = random(seed);
  /** Some are in most texts, most in few: by Zipf's law, as the words of any language and the names of any program are. */
  const oneOf = (all: readonly string[]) => all[Math.floor(all.length ** chance.next()) - 1] ?? '';
  const word = () => oneOf(WORDS);
  const words = (count: number) => Array.from({ length: count }, word);
  /** A project has its own names, and uses them again and again. */
  const names = Array.from({ length: 4_000 }, () => `${word()}${capital(word())}`);
  const name = () => oneOf(names);
  const paragraph = () => `${capital(words(12).join(' '))}, ${words(10).join(' ')}. ${capital(words(9).join(' '))}.`;
  const section = () => `## ${capital(words(3).join(' '))}\n\n${paragraph()} ${paragraph()}\n\n${paragraph()}\n`;
  const method = () =>
    [
      `/** ${capital(words(8).join(' '))}. */`,
      `export const ${name()} = (${word()}: ${capital(name())}, ${word()}: number): ${capital(name())} => {`,
      `  const ${name()} = ${word()}.${name()}(${word()}, '${words(3).join('-')}');`,
      `  if (${word()}.length > ${chance.below(1_000)}) throw new ${capital(name())}(\`${words(6).join(' ')}\`);`,
      `  return { ...${word()}, ${name()}: ${word()}.${name()}() };`,
      '};\n',
    ].join('\n');

  return {
    file(number, bytes) {
      const markdown = number % 3 === 0;
      const folder = `area-${number % 40}/part-${Math.floor(number / 40) % 50}`;
      const parts = [markdown ? `# ${capital(words(3).join(' '))}\n` : `import { ${name()} } from './${word()}.ts';\n`];
      let length = parts[0]?.length ?? 0;
      while (length < bytes) {
        const next = markdown ? section() : method();
        parts.push(next);
        length += next.length + 1;
      }
      return {
        path: `${folder}/${word()}-${number}.${markdown ? 'md' : 'ts'}`,
        content: parts.join('\n').slice(0, bytes),
      };
    },
    question: () => words(6).join(' '),
  };
};

const capital = (text: string) => text.slice(0, 1).toUpperCase() + text.slice(1);
