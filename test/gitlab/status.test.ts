import { afterEach, beforeEach, expect, it } from 'vitest';
import { type SimulatedGitlab, simulatedGitlab } from '../support/gitlab/gitlab.ts';
import { type GitlabService, gitlabService } from '../support/gitlab-service.ts';

let gitlab: SimulatedGitlab;
let service: GitlabService;

beforeEach(async () => {
  gitlab = await simulatedGitlab();
  for (const name of ['one', 'two', 'three']) {
    const project = await gitlab.project(`team/${name}`);
    await gitlab.push(project, { files: [['tide.md', 'tide\n']] });
  }
  service = await gitlabService(gitlab);
  await service.backfill();
}, 60_000);
afterEach(async () => {
  await service.close();
  await gitlab.close();
});

it('the status of forty who look is computed once, and GitLab hears of none of them', async () => {
  const before = gitlab.seen.length;
  const all = Array.from({ length: 40 }, () => service.pipeline.status());
  expect(new Set(all).size).toBe(1);
  expect((await all[0])?.projects).toHaveLength(3);
  expect(gitlab.seen.length).toBe(before);
});
