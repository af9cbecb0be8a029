import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { resync } from '../../src/clock/resync.ts';
import type { State } from '../../src/ports.ts';
import { type ProjectRow, projectKey, refKey } from '../../src/records.ts';
import { approve } from '../../src/runs/approve.ts';
import { listDeadLetters } from '../../src/runs/dead-letters.ts';
import { forget } from '../../src/runs/forget.ts';
import { replayDeadLetters } from '../../src/runs/replay.ts';
import { statusOf } from '../../src/runs/status.ts';
import { verify } from '../../src/runs/verify.ts';
import { search } from '../../src/search/search.ts';
import { rows } from '../../src/state/pages.ts';
import { eventually } from '../support/executable.ts';
import { always } from '../support/gitlab/faults.ts';
import { type SimulatedGitlab, simulatedGitlab } from '../support/gitlab/gitlab.ts';
import type { SimulatedProject } from '../support/gitlab/world.ts';
import { type GitlabService, gitlabService } from '../support/gitlab-service.ts';

const NOTHING = { points: 0, entries: 0, wants: 0, deadLetters: 0 };
const never = new AbortController().signal;
let gitlab: SimulatedGitlab;
let project: SimulatedProject;
let service: GitlabService;

const toArray = async <T>(of: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = [];
  for await (const one of of) all.push(one);
  return all;
};
const row = async (): Promise<ProjectRow | undefined> => {
  const key = projectKey({ instance: 'main', project: String(project.id) });
  return (await service.parts.state.read('projects', [key])).get(key)?.value;
};
const found = async (text: string) => (await search(service.parts, { text, mode: 'lexical', limit: 20 })).hits.length;

beforeEach(async () => {
  gitlab = await simulatedGitlab();
  project = await gitlab.project('team/handbook');
});
afterEach(async () => {
  await service.close();
  await gitlab.close();
}, 30_000);

describe('forget', () => {
  it('removes a project that left the configuration, proves it, and leaves the others', async () => {
    const other = await gitlab.project('team/other');
    await gitlab.push(project, {
      files: [
        ['a.md', 'alpha\n'],
        ['b.md', 'alpha beta\n'],
      ],
    });
    await gitlab.push(other, { files: [['c.md', 'alpha gamma\n']] });
    service = await gitlabService(gitlab);
    void service.start();
    expect(await service.settled(project, other)).toEqual([]);
    await eventually(row, (now) => now?.path === 'team/handbook');
    await expect(forget(service.parts, 'team/handbook', never)).rejects.toThrow(
      /take it out of the configuration first/,
    );

    await gitlab.move(project, 'elsewhere/handbook');
    await resync(service.parts, never);
    await eventually(row, (now) => now?.hidden !== undefined);
    expect(await forget(service.parts, 'elsewhere/handbook', never)).toEqual({
      ...{ project: 'elsewhere/handbook', documents: 2, deadLetters: 0 },
      left: NOTHING,
    });
    expect(await row()).toBeUndefined();
    expect(await found('alpha')).toBe(1);
    await resync(service.parts, never);
    expect(await service.settled(other)).toEqual([]);
    expect((await service.indexed(project)).size).toBe(0);
    await expect(forget(service.parts, 'elsewhere/handbook', never)).rejects.toThrow(/there is no project/);
  }, 60_000);

  it('removes one that GitLab does not know any more', async () => {
    await gitlab.push(project, { files: [['a.md', 'alpha\n']] });
    service = await gitlabService(gitlab);
    void service.start();
    expect(await service.settled(project)).toEqual([]);
    await eventually(row, (now) => now !== undefined);
    await gitlab.destroy(project);
    await resync(service.parts, never);
    await eventually(row, (now) => now?.blocked !== undefined);
    expect((await forget(service.parts, 'team/handbook', never)).left).toEqual(NOTHING);
    expect(await found('alpha')).toBe(0);
  }, 60_000);
});

describe('forget, of what could not be indexed', () => {
  it('discards its dead letters and what is known of their replays, and verify finds nothing of it', async () => {
    const other = await gitlab.project('team/other');
    await gitlab.push(project, {
      files: [
        ['a.md', 'alpha\n'],
        ['lost.md', 'lost for good\n'],
      ],
    });
    await gitlab.push(other, { files: [['lost.md', 'lost as well\n']] });
    for (const { repository } of [project, other]) {
      const blob = await repository.git('rev-parse', 'refs/heads/main:lost.md');
      gitlab.faults.push(
        always(new RegExp(`/blobs/${blob}`), { status: 404, body: '{"message":"404 Blob Not Found"}' }),
      );
    }
    service = await gitlabService(gitlab);
    void service.start();
    const letters = async () => (await toArray(listDeadLetters(service.parts))).map(({ project: id }) => Number(id));
    await eventually(letters, (now) => now.length === 2);
    await replayDeadLetters(service.parts, { project: `main/${project.id}` });
    await eventually(letters, (now) => now.length === 2);
    const tried = () => toArray(rows(service.parts.state, 'replays', 'replays'));
    await eventually(tried, (now) => now.length === 1);

    await gitlab.move(project, 'elsewhere/handbook');
    await resync(service.parts, never);
    await eventually(row, (now) => now?.hidden !== undefined);
    const forgotten = await forget(service.parts, 'elsewhere/handbook', never);
    expect(forgotten).toMatchObject({ documents: 2, deadLetters: 1, left: NOTHING });
    expect(await letters()).toEqual([other.id]);
    expect(await tried()).toEqual([]);
    const told: string[] = [];
    await verify(service.parts, {
      onDifference: ({ document }) => void told.push(document),
      ...{ repair: false, stop: never },
    });
    expect(told.filter((document) => document.startsWith(`main/${project.id}/`))).toEqual([]);
    expect((await statusOf(service.parts, [])).deadLetters).toBe(1);
  }, 120_000);
});

describe('approval', () => {
  it('a listing by pages that ended early deletes nothing before a person has said so', async () => {
    const count = 1_300;
    const files = Array.from({ length: count }, (_, at): [string, string] => [`d/file-${at}.txt`, `word${at}\n`]);
    await gitlab.push(project, { files });
    service = await gitlabService(gitlab);
    void service.start();
    await eventually(
      () => service.indexed(project),
      (now) => now.size === count,
    );
    // From now on there are pages alone, and a proxy loses what says that there are more of them.
    gitlab.faults.push(({ path }) => {
      if (path.includes('pagination=none')) return { status: 500, body: '{}' };
      return path.includes('pagination=keyset') ? { withoutLink: true } : undefined;
    });
    await gitlab.push(project, { files: [['new.txt', 'new\n']] });
    await resync(service.parts, never);
    const waits = async () => (await statusOf(service.parts, service.pipeline.dependencies())).waits;
    const [wait] = await eventually(
      async () => (await waits()).filter(({ on }) => on === 'approval'),
      (now) => now.length > 0,
    );
    expect(wait?.reason).toMatch(/it would delete 1\d{3} of 1\d{3} documents/);
    expect((await service.indexed(project)).size).toBeGreaterThanOrEqual(count);
    await expect(approve(service.parts, 'team/handbook:other')).rejects.toThrow(/there waits .*main/);
    // Somebody writes the sweep's row between the look at it and the approval.
    let lost = false;
    const state: State = {
      ...service.parts.state,
      async swap(table, row, over) {
        if (table !== 'sweeps' || lost) return service.parts.state.swap(table, row, over);
        lost = true;
        return false;
      },
    };
    expect((await approve({ ...service.parts, state }, 'team/handbook:main')).lacking).toBeGreaterThan(1_000);
    expect(lost).toBe(true);
    await eventually(
      () => service.indexed(project),
      (now) => now.size < 200,
    );
    const key = refKey({ instance: 'main', project: String(project.id), ref: 'main' });
    expect((await service.parts.state.read('sweeps', [key])).get(key)?.value.open).toBe(false);
  }, 120_000);
});
