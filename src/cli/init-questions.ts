/** What `init` asks, what it makes of the answers, and how it checks them. */
import { connect } from 'node:net';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { stringify } from 'yaml';
import { BadUsage, codeOf, messageOf } from '../errors.ts';
import { quoted } from '../runtime/printable.ts';
import { type Environment, gitCommand } from '../sources/git/command.ts';
import { SECOND } from '../units.ts';

const REACH_MS = 5 * SECOND;
const list = (text = ''): readonly string[] => text.split(/[\s,]+/).filter((item) => item !== '');

export type Answers = Readonly<Record<string, string>>;

interface Question {
  /** Of the option, and of the answer. */
  readonly name: string;
  readonly value: string;
  readonly values?: readonly string[];
  readonly ask: string;
  readonly otherwise: string;
  readonly when?: (answers: Answers) => boolean;
}

const choice = (name: string, ask: string, values: readonly [string, ...string[]]): Question => ({
  ...{ name, value: name.toUpperCase(), values, ask, otherwise: values[0] },
});
const is = (name: string, value: string) => (answers: Answers) => answers[name] === value;

export const QUESTIONS: readonly Question[] = [
  choice('source', 'Do documents come from git, a repository, or gitlab, a server?', ['git', 'gitlab']),
  { name: 'path', value: 'PATH', ask: 'Which repository?', otherwise: '.', when: is('source', 'git') },
  {
    ...{ name: 'gitlab-url', value: 'URL', ask: 'Which GitLab server?', otherwise: 'https://gitlab.com' },
    when: is('source', 'gitlab'),
  },
  {
    ...{ name: 'groups', value: 'GROUPS', ask: 'Which groups, separated by commas?', otherwise: '' },
    when: is('source', 'gitlab'),
  },
  {
    ...{ name: 'projects', value: 'PROJECTS', ask: 'Which single projects, separated by commas?', otherwise: '' },
    when: is('source', 'gitlab'),
  },
  {
    ...{
      name: 'token-variable',
      value: 'NAME',
      ask: 'Which variable holds the access token?',
      otherwise: 'GITLAB_TOKEN',
    },
    when: is('source', 'gitlab'),
  },
  choice('log', 'Where are records on their way kept: embedded, in the data directory, or kafka?', [
    'embedded',
    'kafka',
  ]),
  {
    ...{ name: 'brokers', value: 'BROKERS', ask: 'Which Kafka brokers, as host:port?', otherwise: 'localhost:9092' },
    when: is('log', 'kafka'),
  },
  choice('store', 'Where is the index kept: embedded, in the data directory, or qdrant?', ['embedded', 'qdrant']),
  {
    ...{ name: 'qdrant-url', value: 'URL', ask: 'Which Qdrant server?', otherwise: 'http://localhost:6333' },
    when: is('store', 'qdrant'),
  },
];

const asked = (answers: Answers) => QUESTIONS.filter(({ when }) => !when || when(answers));

/** What was said, and for the rest what holds without it. */
export const defaults = (given: Answers): Answers => {
  const answers: Record<string, string> = {};
  for (const { name, otherwise, values, when } of QUESTIONS) {
    const said = given[name];
    if (when && !when(answers)) {
      if (said !== undefined) throw new BadUsage(`--${name} means nothing here: ${JSON.stringify(answers)}`);
      continue;
    }
    answers[name] = valid(name, said ?? otherwise, values);
  }
  return answers;
};

const valid = (name: string, text: string, values: readonly string[] | undefined): string => {
  if (values && !values.includes(text))
    throw new BadUsage(`--${name}: expected ${values.join(' or ')}, got ${quoted(text)}`);
  return text;
};

export interface Terminal {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
  readonly signal: AbortSignal;
}

/** At the terminal. An empty line is the default. */
export const asking = async (given: Answers, { input, output, signal }: Terminal): Promise<Answers> => {
  const terminal = createInterface({ input, output });
  const answers: Record<string, string> = {};
  try {
    for (const { name, ask, otherwise, values, when } of QUESTIONS) {
      if (when && !when(answers)) continue;
      for (let said = given[name]; ; said = undefined) {
        const text = said ?? (await terminal.question(`${ask} [${otherwise}] `, { signal })).trim();
        answers[name] = text === '' ? otherwise : text;
        if (!values || values.includes(answers[name])) break;
        output.write(`expected ${values.join(' or ')}\n`);
      }
    }
  } finally {
    terminal.close();
  }
  return answers;
};

export const configurationOf = (answers: Answers): string => {
  const { source, path, log, store } = answers;
  const gitlab = {
    url: answers['gitlab-url'],
    token: `\${${answers['token-variable']}}`,
    ...listed('groups', answers),
    ...listed('projects', answers),
  };
  const document = {
    pipelines: { default: { sources: [source === 'gitlab' ? { gitlab } : { git: { path } }] } },
    ...(log === 'kafka' ? { log: { kind: 'kafka', brokers: list(answers.brokers) } } : {}),
    ...(store === 'qdrant' ? { store: { kind: 'qdrant', url: answers['qdrant-url'] } } : {}),
    ...(source === 'gitlab' ? { webhooks: { secrets: ['${GITLAB_WEBHOOK_SECRET}'] } } : {}),
  };
  const head = '# Every option: docs/configuration.md. What is wrong: tidemark config check, tidemark doctor.\n';
  return head + stringify(document, { lineWidth: 0 });
};

const listed = (name: string, answers: Answers) => {
  const items = list(answers[name]);
  return items.length > 0 ? { [name]: items } : {};
};

/** What of it cannot be reached now; it may be there later. */
export const checksOf = async (
  answers: Answers,
  { env, cwd }: { readonly env: Environment; readonly cwd: string },
): Promise<readonly string[]> => {
  const checks = asked(answers).map(({ name }): Promise<string | string[] | undefined> => {
    const said = answers[name] ?? '';
    if (name === 'path') return repository(said, env, cwd);
    if (name === 'gitlab-url' || name === 'qdrant-url') return reachable(said, portOf(said));
    if (name === 'token-variable') return gitlab(answers, env[said]);
    if (name === 'brokers') return firstOf(list(said).map((broker) => reachable(broker, portOf(`tcp://${broker}`))));
    return Promise.resolve(undefined);
  });
  return (await Promise.all(checks)).flat().filter((trouble) => trouble !== undefined);
};

/** What the token may not, of what was asked for. */
const gitlab = async (answers: Answers, token: string | undefined): Promise<string[]> => {
  const { 'gitlab-url': url = '', 'token-variable': variable } = answers;
  if (!token) return [`token, groups and projects were not looked at, since ${variable} is not set here`];
  if ((await reachable(url, portOf(url))) !== undefined) return [];
  // Its client is loaded by those alone who have a GitLab.
  const { checkGitlab } = await import('../sources/gitlab/instance.ts');
  const found = await checkGitlab({ url, token, groups: list(answers.groups), projects: list(answers.projects) });
  return found.flatMap(({ level, finding, remedy }) => (level === 'ok' ? [] : [`${url}: ${finding}. ${remedy}`]));
};

const repository = async (path: string, environment: Environment, cwd: string): Promise<string | undefined> => {
  const git = gitCommand({ place: ['-C', resolve(cwd, path)], environment, signal: new AbortController().signal });
  try {
    const { code, stderr } = await git.run(['rev-parse', '--git-dir'], { codes: [0, 128] });
    return code === 0 ? undefined : `git cannot read ${path}: ${stderr.trim()}`;
  } catch (error) {
    return `git cannot read ${path}: ${messageOf(error)}`;
  }
};

const portOf = (url: string): { readonly host: string; readonly port: number } | undefined => {
  if (!URL.canParse(url)) return undefined;
  const { hostname, port, protocol } = new URL(url);
  return { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port) || (protocol === 'https:' ? 443 : 80) };
};

const reachable = (what: string, at: ReturnType<typeof portOf>): Promise<string | undefined> =>
  new Promise((settle) => {
    if (!at) return settle(`${what} is no address`);
    const socket = connect({ ...at, timeout: REACH_MS });
    const end = (trouble: string | undefined) => {
      socket.destroy();
      settle(trouble);
    };
    socket.once('connect', () => end(undefined));
    socket.once('timeout', () => end(`${what} does not answer`));
    socket.once('error', (error) => end(`${what} cannot be reached: ${messageOf(error) || codeOf(error)}`));
  });

/** One broker that answers names the others. */
const firstOf = async (checks: readonly Promise<string | undefined>[]): Promise<string | undefined> => {
  const troubles = await Promise.all(checks);
  return troubles.includes(undefined) ? undefined : troubles[0];
};
