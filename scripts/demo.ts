/**
 * `npm run demo`: a GitLab of its own over real git repositories, and Tidemark following it. Needs no account and no
 * network; all of it is in a temporary folder and gone at the end.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { search } from '../src/search/search.ts';
import { SECOND } from '../src/units.ts';
import { simulatedGitlab } from '../test/support/gitlab/gitlab.ts';
import type { SimulatedProject } from '../test/support/gitlab/world.ts';
import { gitlabService } from '../test/support/gitlab-service.ts';

const PROMISED_MS = 2 * SECOND;
const PATIENCE_MS = 30 * SECOND;

const say = (text: string) => process.stdout.write(`${text}\n`);
const secret = `whsec_${Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString('base64')}`;

const HANDBOOK: readonly [string, string][] = [
  ['README.md', '# Handbook\n\nHow we work.\n'],
  ['on-call.md', '# On call\n\n## Paging\n\nWhoever carries the pager answers within ten minutes.\n'],
  ['holidays.md', '# Holidays\n\nAsk your team two weeks ahead; the calendar is the truth.\n'],
];
const WEBSITE: readonly [string, string][] = [
  ['src/cart.ts', 'export const total = (prices: number[]) => prices.reduce((sum, price) => sum + price, 0);\n'],
  ['src/login.ts', '/** Sends a link that logs the customer in. */\nexport const sendLink = (mail: string) => mail;\n'],
  ['docs/deploy.md', '# Deploy\n\nA merge to main is live after the smoke tests have passed.\n'],
];

say('A GitLab with a group of two projects, and nothing indexed yet.');
const gitlab = await simulatedGitlab();
const handbook = await gitlab.project('team/handbook');
const website = await gitlab.project('team/website');
await gitlab.push(handbook, { files: HANDBOOK });
await gitlab.push(website, { files: WEBSITE });
const service = await gitlabService(gitlab, { pipeline: { embedder: { kind: 'static' } } });
let slowest = 0;
/** When GitLab began to tell of the newest push, which is in its repository then. */
let pushedAt = performance.now();

const hits = async (question: string) =>
  (await search(service.parts, { text: question, mode: 'hybrid', limit: 10 })).hits;

/** Until the question finds that file first, or finds it no more. */
const shows = async (question: string, path: string, wanted: boolean): Promise<void> => {
  for (;;) {
    const all = await hits(question);
    // What is there has to come first; what is gone may be nowhere.
    const found = (wanted ? all.slice(0, 1) : all).find((hit) => hit.path === path);
    const tookMs = performance.now() - pushedAt;
    if ((found !== undefined) === wanted) {
      slowest = Math.max(slowest, tookMs);
      const where = found
        ? `${found.project} ${found.path}:${found.startLine}-${found.endLine}`
        : `no ${path} any more`;
      say(`   ${(tookMs / SECOND).toFixed(2)} s  "${question}" finds ${where}`);
      return;
    }
    if (tookMs > PATIENCE_MS) throw new Error(`"${question}" does not ${wanted ? 'find' : 'lose'} ${path}`);
    await sleep(20);
  }
};

const step = async (what: string, act: () => Promise<unknown>) => {
  say(`\n${what}`);
  await act();
};
const push = (project: SimulatedProject, files: readonly [string, string | null][], orphan = false) =>
  gitlab.push(project, { files, orphan });

try {
  const flows = service.start();
  const report = await service.backfill();
  say(
    `Backfill of the group: ${report.indexed} documents in ${(report.durationMs / SECOND).toFixed(1)} s, ${gitlab.seen.length} requests.`,
  );
  pushedAt = performance.now();
  await shows('who answers the pager?', 'on-call.md', true);
  const url = await service.receive([secret]);
  slowest = 0;
  gitlab.carryBy(async (delivery) => {
    pushedAt = performance.now();
    await gitlab.deliverNow(delivery);
  });
  for (const project of [handbook, website]) gitlab.hook(project.hooks, { url, signingToken: secret });

  await step('git push: a new page', () =>
    push(handbook, [['travel.md', '# Travel\n\nBook trains; planes need an approval by finance.\n']]),
  );
  await shows('approval for planes', 'travel.md', true);
  await step('git mv src/login.ts src/session/magic-link.ts', () =>
    push(website, [
      ['src/login.ts', null],
      ['src/session/magic-link.ts', WEBSITE[1]?.[1] ?? ''],
    ]),
  );
  await shows('send a link to log in', 'src/session/magic-link.ts', true);
  await shows('send a link to log in', 'src/login.ts', false);
  await step('git push --force: a history without the holidays', () =>
    push(handbook, [...HANDBOOK.slice(0, 2), ['travel.md', '# Travel\n\nWalk.\n']], true),
  );
  await shows('how do I take days off?', 'holidays.md', false);
  await step('git rm docs/deploy.md', () => push(website, [['docs/deploy.md', null]]));
  await shows('when is a merge live?', 'docs/deploy.md', false);
  const kept = slowest <= PROMISED_MS;
  say(
    `\nThe slowest took ${(slowest / SECOND).toFixed(2)} s from the push to the search${kept ? '.' : ': this machine is busy.'}`,
  );
  await service.close();
  await flows;
} finally {
  await gitlab.close();
}
