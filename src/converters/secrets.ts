/**
 * What looks like a secret, by shapes that their issuers have made to be recognised, by the armour of private keys, and
 * by assignments to telling names whose value is as random as no word is. Found once, it is in every index for ever, so
 * that one too many is the smaller harm.
 */

/** Raise it with every change of what is found. */
export const secretsVersion = 1;

export type SecretsPolicy = 'redact' | 'skip' | 'index';

interface Rule {
  readonly name: string;
  readonly pattern: RegExp;
  /** Which group is the secret; the whole match without it. */
  readonly group?: number;
  readonly isSecret?: (value: string) => boolean;
}

/** Bits a character; English is at about 3, 16 random letters and digits at nearly 4. */
const entropy = (text: string): number => {
  const counts = new Map<string, number>();
  for (const char of text) counts.set(char, (counts.get(char) ?? 0) + 1);
  let bits = 0;
  for (const count of counts.values()) bits -= (count / text.length) * Math.log2(count / text.length);
  return bits;
};

const RANDOM_BITS = 3.3;
const PLACEHOLDER =
  /example|sample|changeme|placeholder|dummy|secret|password|xxxx|\.\.\.|^\$|^<|^%|\{\{|^process\.|^os\.|\(/i;

const isRandom = (value: string): boolean =>
  /\d/.test(value) && /[a-z]/i.test(value) && !PLACEHOLDER.test(value) && entropy(value) >= RANDOM_BITS;

const RULES: readonly Rule[] = [
  {
    name: 'private key',
    pattern:
      /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|$)/g,
  },
  { name: 'AWS access key', pattern: /\b(?:AKIA|ASIA)[A-Z2-7]{16}\b/g },
  { name: 'GitLab token', pattern: /\b(?:glpat|gldt|glrt|glcbt|glptt|glagent|gloas|glsoat|glft|glimt)-[\w-]{20,}/g },
  { name: 'GitHub token', pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,})\b/g },
  { name: 'Slack token', pattern: /\bxox[abeoprs]-[A-Za-z0-9-]{10,}/g },
  { name: 'Slack webhook', pattern: /https:\/\/hooks\.slack\.com\/services\/T\w+\/B\w+\/\w+/g },
  { name: 'Google API key', pattern: /\bAIza[\w-]{35}\b/g },
  { name: 'Stripe key', pattern: /\b[rs]k_live_[A-Za-z0-9]{20,}\b/g },
  { name: 'npm token', pattern: /\bnpm_[A-Za-z0-9]{36}\b/g },
  { name: 'PyPI token', pattern: /\bpypi-AgE[\w-]{50,}/g },
  { name: 'SendGrid key', pattern: /\bSG\.[\w-]{22}\.[\w-]{43}\b/g },
  {
    name: 'signing secret',
    pattern: /\bwhsec_[A-Za-z0-9+/]{32,}={0,2}/g,
    isSecret: (value) => entropy(value) >= RANDOM_BITS,
  },
  { name: 'JSON web token', pattern: /\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}/g },
  {
    name: 'password in a URL',
    pattern: /\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@'"]+:([^\s@/'"]{6,})@/gi,
    group: 1,
    isSecret: (value) => !PLACEHOLDER.test(value),
  },
  {
    name: 'secret in an assignment',
    pattern:
      /\b[\w.-]{0,40}(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credential)[\w-]{0,20}["']?\s{0,3}(?:=>|:=|[:=])\s{0,3}["'`]?([^\s"'`,;]{12,200})/gi,
    group: 1,
    isSecret: isRandom,
  },
];

export interface Redacted {
  readonly content: string;
  /** What was found, each name once. */
  readonly found: readonly string[];
}

/** Every secret gives way to its name; lines stay where they are. */
export const redact = (content: string): Redacted => {
  const found = new Set<string>();
  let redacted = content;
  for (const { name, pattern, group = 0, isSecret = () => true } of RULES) {
    redacted = redacted.replace(pattern, (whole, ...groups: string[]) => {
      const value = group === 0 ? whole : (groups[group - 1] ?? '');
      if (value.startsWith('[redacted:') || !isSecret(value)) return whole;
      found.add(name);
      const at = whole.lastIndexOf(value);
      const lines = '\n'.repeat(value.split('\n').length - 1);
      return `${whole.slice(0, at)}[redacted: ${name}]${lines}${whole.slice(at + value.length)}`;
    });
  }
  return { content: redacted, found: [...found] };
};
