import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { always } from '../support/gitlab/faults.ts';
import { type SimulatedGitlab, simulatedGitlab } from '../support/gitlab/gitlab.ts';
import type { SimulatedProject } from '../support/gitlab/world.ts';
import { type GitlabService, gitlabService, type ServiceOptions } from '../support/gitlab-service.ts';
import { listed } from '../support/repository.ts';

let gitlab: SimulatedGitlab;
const opened: GitlabService[] = [];
const open = async (options: ServiceOptions = {}) => {
  const service = await gitlabService(gitlab, options);
  opened.push(service);
  return service;
};
const asGitSays = async ({ repository }: SimulatedProject) =>
  new Map([...(await listed(repository, 'main'))].map(([path, { blob }]) => [path, blob]));
const filesOf = (count: number, folders: number) =>
  Array.from({ length: count }, (_, at): [string, string] => [
    `folder-${at % folders}/file-${at}.md`,
    `# File ${at}\n\nThe tide of ${at}.\n`,
  ]);

beforeEach(async () => {
  gitlab = await simulatedGitlab();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((one) => one.close()));
  await gitlab.close();
});

describe('a backfill from GitLab', () => {
  it('of 2,000 files in 200 folders needs at most 30 requests', async () => {
    const project = await gitlab.project('team/handbook');
    await gitlab.push(project, { files: filesOf(2_000, 200) });
    const service = await open();
    const report = await service.backfill();
    expect(report).toMatchObject({ status: 'success', indexed: 2_000, failed: 0 });
    expect(await service.indexed(project)).toEqual(await asGitSays(project));
    expect(gitlab.seen.map(({ path }) => path).filter((path) => path.includes('archive'))).toHaveLength(1);
    expect(gitlab.seen.length, JSON.stringify(gitlab.seen, undefined, 1)).toBeLessThanOrEqual(30);
  }, 120_000);

  it('under a limit of 60 requests in a window ends without a failed file, one request a file', async () => {
    const project = await gitlab.project('team/handbook');
    await gitlab.push(project, { files: filesOf(250, 20) });
    gitlab.faults.push(always(/archive/, { status: 404, body: '{"message":"404 File Not Found"}' }));
    gitlab.limitTo({ requests: 60, windowMs: 1_000, headers: true });
    const service = await open();
    expect(await service.backfill()).toMatchObject({ status: 'success', indexed: 250, failed: 0 });
    expect(await service.indexed(project)).toEqual(await asGitSays(project));
  }, 120_000);

  it('stops with a clear message when the token is revoked, keeps what it has, and goes on with a new one', async () => {
    const project = await gitlab.project('team/handbook');
    await gitlab.push(project, { files: filesOf(150, 10) });
    const service = await open();
    gitlab.faults.push(({ path, count }) => {
      if (path.includes('/blobs/') && count > 60) gitlab.revoke();
      return undefined;
    });
    await expect(service.backfill()).rejects.toThrow(/refuses the token: it was revoked/);
    const before = gitlab.seen.length;
    await service.close({ keep: true });
    opened.splice(0);

    gitlab.faults.splice(0);
    gitlab.issue('glpat-new');
    const next = await open({ data: service.data, gitlab: { token: 'glpat-new' } });
    expect((await next.backfill()).failed).toBe(0);
    expect(await next.differences(project)).toEqual([]);
    expect(gitlab.seen.slice(before).filter(({ path }) => path.includes('/blobs/')).length).toBeLessThan(150);
  }, 120_000);
});
