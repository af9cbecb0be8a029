import { describe, expect, it } from 'vitest';
import { convert } from '../../src/converters/convert.ts';
import { WAYS } from '../../src/converters/secret-names.ts';
import { secretPatterns } from '../../src/converters/secret-patterns.ts';
import { redact, type SecretsPolicy } from '../../src/converters/secrets.ts';
import { heldOut, innocent, known, missed } from './secret-lines.ts';

/** Put together here, so that nobody who scans this repository finds one. */
const of = (...parts: string[]) => parts.join('');
const RANDOM = 'q7Zk2Vx9Lp4Wn8Tc6Rb3';

describe('what looks like a secret', () => {
  it.each([
    ['AWS access key', of('AKIA', 'QX7TZ2LMNP4RS6UV')],
    ['GitLab token', of('glpat', '-', RANDOM)],
    ['GitHub token', of('ghp', '_', RANDOM, RANDOM)],
    ['Slack token', of('xoxb', '-123456789012-', RANDOM)],
    ['Google API key', of('AIza', RANDOM, RANDOM.slice(0, 15))],
    ['Stripe key', of('sk', '_live_', RANDOM)],
    ['npm token', of('npm', '_', RANDOM, RANDOM.slice(0, 16))],
    ['JSON web token', of('eyJ', 'hbGciOiJIUzI1NiJ9', '.eyJ', 'zdWIiOiIxMjM0NTY3', '.', RANDOM)],
    ['password in a URL', of('postgres://app:', RANDOM, '@db/app')],
    ['secret in an assignment', of('DB_PASSWORD = "', RANDOM, '"')],
    ['secret in an assignment', of("apiKey: '", RANDOM, "'")],
  ])('is left out: %s (E52)', (name, secret) => {
    const { content, found } = redact(`first line\nbefore ${secret} after\nlast line\n`);
    expect(found).toEqual([name]);
    expect(content).toContain(`[redacted: ${name}]`);
    expect(content).not.toContain(RANDOM.slice(0, 12));
    expect(content.split('\n')).toHaveLength(4);
  });

  it('a private key goes whole, and lines keep their numbers (E52)', () => {
    const key = of(
      '-----BEGIN RSA PRIVATE',
      ' KEY-----\n',
      `${RANDOM}\n`.repeat(5),
      '-----END RSA PRIVATE',
      ' KEY-----',
    );
    const { content, found } = redact(`a\n${key}\nthe end\n`);
    expect(found).toEqual(['private key']);
    expect(content).not.toContain(RANDOM);
    expect(content.split('\n').indexOf('the end')).toBe(`a\n${key}\nthe end\n`.split('\n').indexOf('the end'));
  });

  it.each([
    'password: changeme-please-now',
    'const token = process.env.GITLAB_TOKEN1;',
    'token: ${GITLAB_TOKEN_2024_PRODUCTION}',
    'The password policy: twelve-characters-or-more',
    'secretName: kubernetes-tls-certificate',
    'tokens.forEach((token) => count(token));',
    'sha256:4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945',
  ])('is not what says nothing: %s', (text) => {
    expect(redact(text)).toEqual({ content: text, found: [] });
  });

  it.each<[SecretsPolicy, object]>([
    ['redact', { text: { redacted: ['GitLab token'] } }],
    ['skip', { skip: 'secret' }],
    ['index', { text: { content: expect.stringContaining(RANDOM) } }],
  ])('by policy %s (E52)', (secrets, expected) => {
    const bytes = Buffer.from(of('deploy with glpat', '-', RANDOM, '\n'));
    expect(convert('notes.md', bytes, { fileBytes: 1_000, textBytes: 1_000, secrets })).toMatchObject(expected);
  });

  it('is looked for in long lines that nearly match, all the way', () => {
    const text = `${'password_'.repeat(20_000)}\n${'a'.repeat(500_000)}\n${'eyJ'.repeat(50_000)}`;
    expect(redact(text).found).toEqual([]);
  });
});

const limits = { fileBytes: 4_000_000, textBytes: 4_000_000, secrets: 'redact' } as const;
const toldOf = (path: string, text: string): string => {
  const converted = convert(path, Buffer.from(text), limits);
  return 'text' in converted ? converted.text.content : `skipped: ${converted.skip}`;
};

describe('secrets as they stand in repositories', () => {
  it.each([...known, ...heldOut])('%s: %s… is left out', (path, before, secret, after) => {
    expect(toldOf(path, `${before}${secret}${after}\n`)).not.toContain(secret);
  });

  it.each(missed)('%s: %s… is not recognised, and nobody says that it is', (path, before, secret, after) => {
    expect(toldOf(path, `${before}${secret}${after}\n`)).toContain(secret);
  });

  it.each(innocent)('%s: %s is none', (path, line) => {
    expect(toldOf(path, `${line}\n`)).toBe(`${line}\n`);
  });

  it('nothing of a secret stays when it is longer than its shape', () => {
    const secret = of('sk', '_live_', RANDOM.repeat(40));
    expect(redact(`a ${secret} b`).content).toBe('a [redacted: Stripe key] b');
  });

  it('two in one line go both, and one that two rules find goes once', () => {
    const line = `token = "${of('glpat', '-', RANDOM)}"; url = "https://a:${RANDOM}@b"`;
    expect(redact(line).content).toBe(
      'token = "[redacted: GitLab token]"; url = "https://a:[redacted: password in a URL]@b"',
    );
  });

  it('what only speaks of private keys stays, with all that follows', () => {
    const text = of('if (text.startsWith("-----BEGIN PRIVATE', ' KEY-----")) return parse(text);\nnext();\n');
    expect(redact(text)).toEqual({ content: text, found: [] });
  });
});

describe('looking for secrets takes time that grows with the text alone', () => {
  it('since each repetition in a pattern has a bound', () => {
    for (const { source } of [...secretPatterns.map(({ rest }) => rest), ...WAYS]) {
      const bare = source.replace(/\\./g, 'x').replace(/\[[^\]]*\]/g, 'x');
      expect(bare).not.toMatch(/[^(?]?[*+]|\{\d+,\}/);
    }
  });

  const units = [
    ...[
      'a+',
      'a',
      'token=',
      'token:a b ',
      'token=aA1',
      'password="',
      'password: a',
      'password\n value:',
      '<password>a',
    ],
    ...[
      'a.token=a.',
      'http://a:b',
      '://a:',
      '-----BEGIN A B ',
      'curl -u a:',
      ':5432:a:',
      '--password a',
      'key value="a',
    ],
    ...secretPatterns.flatMap(({ starts }) => starts.flatMap((start) => [start, `${start}a`, `${start}-`])),
  ];
  it.each([2_000, 20_000])('in texts of %d characters that nearly match again and again', (length) => {
    for (const unit of units) {
      const text = unit.repeat(Math.ceil(length / unit.length));
      expect([unit, redact(text, { looks: 60 * length }).unfinished]).toEqual([unit, undefined]);
    }
  });

  it('and a text that nobody could look at in time is skipped as one with a secret', () => {
    expect(redact(`token=${RANDOM}`, { looks: 5 })).toEqual({
      content: `token=${RANDOM}`,
      found: [],
      unfinished: true,
    });
    const bytes = Buffer.from('token=aA1'.repeat(300_000));
    expect(convert('a.txt', bytes, limits)).toEqual({ skip: 'secret' });
    expect(convert('a.txt', bytes, { ...limits, secrets: 'index' })).toMatchObject({ text: { language: 'text' } });
  });
});
