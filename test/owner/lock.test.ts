import { execFileSync } from 'node:child_process';
import { mkdir, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { LostLock, StopFlow } from '../../src/errors.ts';
import { type Lock, lockOwner, type Owner, takeLock } from '../../src/owner/lock.ts';
import { checkFence } from '../../src/runtime/fence.ts';
import { allOf, openLog, text, withDirectory } from '../log/embedded/support.ts';

const ownerOf = (token: string, pid = 1): Owner => ({ pid, address: 'http://127.0.0.1:7717', token });

/** Processes that answer, by their token. */
const processes = () => {
  const answering = new Set<string>();
  const alive = async ({ token }: Owner) => answering.has(token);
  return {
    answering,
    take(directory: string, token: string) {
      answering.add(token);
      return takeLock({ directory, owner: ownerOf(token), alive });
    },
  };
};

const held = (taken: { readonly lock: Lock } | { readonly owner: Owner }): Lock => {
  if ('owner' in taken) throw new Error(`${taken.owner.token} has it`);
  return taken.lock;
};

describe('the lock of a data directory', () => {
  it('is given to the first one and names it to all others, while it answers', async () => {
    await withDirectory(async (directory) => {
      const { take } = processes();
      expect(await lockOwner(directory)).toBeUndefined();
      const lock = held(await take(directory, 'first'));
      expect(await take(directory, 'second')).toEqual({ owner: ownerOf('first') });
      expect(await lockOwner(directory)).toEqual(ownerOf('first'));
      await lock.check();
    });
  });

  it('is free once it is released', async () => {
    await withDirectory(async (directory) => {
      const { take } = processes();
      await held(await take(directory, 'first')).release();
      expect(await lockOwner(directory)).toBeUndefined();
      await held(await take(directory, 'second')).check();
    });
  });

  it('is taken over from an owner who does not answer, who may write no more', async () => {
    await withDirectory(async (directory) => {
      const { take, answering } = processes();
      const old = held(await take(directory, 'first'));
      answering.delete('first');
      const lock = held(await take(directory, 'second'));
      await lock.check();
      await expect(old.check()).rejects.toThrow(StopFlow);
      await old.release();
      await lock.check();
      expect(await lockOwner(directory)).toEqual(ownerOf('second'));
    });
  });

  it('is taken over when a power cut took what the file said', async () => {
    await withDirectory(async (directory) => {
      await writeFile(join(directory, 'lock.7'), '');
      await held(await processes().take(directory, 'first')).check();
    });
  });

  it('is rejected, not taken, when nobody can tell whether its owner answers', async () => {
    await withDirectory(async (directory) => {
      held(await processes().take(directory, 'first'));
      const alive = async () => Promise.reject(new Error('no route'));
      await expect(takeLock({ directory, owner: ownerOf('second'), alive })).rejects.toThrow(/no route/);
      expect(await lockOwner(directory)).toEqual(ownerOf('first'));
    });
  });

  it('leaves one file behind, however often it changed hands', async () => {
    await withDirectory(async (directory) => {
      const { take, answering } = processes();
      for (let at = 0; at < 5; at += 1) {
        held(await take(directory, `p${at}`));
        answering.delete(`p${at}`);
      }
      expect(await readdir(directory)).toEqual(['lock.5']);
    });
  });

  it('is not taken by one who was so slow to look that its number was used and cleared away meanwhile', async () => {
    await withDirectory(async (directory) => {
      const { take, answering } = processes();
      held(await take(directory, 'first'));
      answering.delete('first');
      const alive = async ({ token }: Owner) => {
        if (token !== 'first') return answering.has(token);
        held(await take(directory, 'second'));
        answering.delete('second');
        held(await take(directory, 'third'));
        return false;
      };
      expect(await takeLock({ directory, owner: ownerOf('slow'), alive })).toEqual({ owner: ownerOf('third') });
      expect(await readdir(directory)).toEqual(['lock.3']);
    });
  });

  it.each([
    'http://192.0.2.1:7717',
    'http://localhost:7717',
    'http://127.0.0.1:7717/v1',
    'http://127.0.0.1:7717@192.0.2.1',
    'http://me@127.0.0.1:7717',
    'https://127.0.0.1:7717',
    'http://127.0.0.1.example:7717',
  ])("is nobody's where it names an owner elsewhere: %s", async (address) => {
    await withDirectory(async (directory) => {
      await writeFile(join(directory, 'lock.7'), JSON.stringify({ pid: 1, address, token: 'planted' }));
      expect(await lockOwner(directory)).toBeUndefined();
      const alive = () => Promise.reject(new Error('nobody is to be asked'));
      held(await takeLock({ directory, owner: ownerOf('first'), alive }));
    });
  });

  it('believes numeric addresses of this machine', async () => {
    await withDirectory(async (directory) => {
      for (const [number, address] of ['http://127.0.0.1:7717', 'http://[::1]:80'].entries()) {
        const owner = { pid: 1, address, token: 'first' };
        await writeFile(join(directory, `lock.${number + 1}`), JSON.stringify(owner));
        expect(await lockOwner(directory)).toEqual(owner);
      }
    });
  });

  it('is taken past a link, a pipe and a device in its place, and none of them is followed', async () => {
    await withDirectory(async (directory) => {
      const data = join(directory, 'data');
      await mkdir(data);
      const other = join(directory, 'lock-of-somebody-else');
      await writeFile(other, JSON.stringify(ownerOf('theirs')));
      await symlink(other, join(data, 'lock.1'));
      const { take } = processes();
      held(await take(data, 'first'));
      expect(await readdir(data)).toEqual(['lock.2']);
      expect(await readFile(other, 'utf8')).toContain('theirs');
      execFileSync('mkfifo', [join(data, 'lock.3')]);
      held(await take(data, 'second'));
      await symlink('/dev/zero', join(data, 'lock.5'));
      held(await take(data, 'third'));
      expect(await readdir(data)).toEqual(['lock.6']);
    });
  });

  it('is lost with its directory, also when another process has made that again and has the same number', async () => {
    await withDirectory(async (directory) => {
      const { take, answering } = processes();
      const data = join(directory, 'data');
      const lock = held(await take(data, 'first'));
      await lock.check();
      checkFence(lock.fence);
      await rm(data, { recursive: true });
      await expect(lock.check()).rejects.toThrow(/is gone, or its lock is/);
      expect(() => checkFence(lock.fence)).toThrow(LostLock);
      answering.delete('first');
      const other = held(await take(data, 'second'));
      expect(await readdir(data)).toEqual(['lock.1']);
      await expect(lock.check()).rejects.toThrow(LostLock);
      expect(() => checkFence(lock.fence)).toThrow(LostLock);
      await lock.release();
      await other.check();
      checkFence(other.fence);
    });
  });

  it('and the log make directories and files that nobody else can read', async () => {
    await withDirectory(async (directory) => {
      const before = process.umask(0);
      try {
        const lock = held(await processes().take(join(directory, 'a', 'b'), 'first'));
        const topics = { t: { policy: 'delete', retentionMs: 3_600_000 } } as const;
        const log = await openLog(join(directory, 'log'), topics, { lock });
        await log.append('t', [text('k', 'v')]);
        await log.close();
        await lock.release();
      } finally {
        process.umask(before);
      }
      const made = await readdir(directory, { recursive: true });
      expect(made.length).toBeGreaterThan(8);
      for (const name of made) expect((await stat(join(directory, name))).mode & 0o077, name).toBe(0);
    });
  });

  it('is held by one at a time while many take it, let it go and die', async () => {
    await withDirectory(async (directory) => {
      const { take, answering } = processes();
      let holding: string | undefined;
      let times = 0;
      const process = async (name: number) => {
        for (let life = 0; life < 12; life += 1) {
          const token = `${name}.${life}`;
          const taken = await take(directory, token).catch(() => undefined);
          if (taken && 'lock' in taken) {
            expect(holding).toBeUndefined();
            holding = token;
            times += 1;
            await sleep(Math.random() * 3);
            await taken.lock.check();
            expect(holding).toBe(token);
            holding = undefined;
            if (life % 2 === 0) await taken.lock.release();
          }
          answering.delete(token);
          await sleep(Math.random() * 3);
        }
      };
      await Promise.all(Array.from({ length: 12 }, (_, name) => process(name)));
      expect(times).toBeGreaterThan(12);
    });
  });

  it('keeps an embedded log from writing once it is lost', async () => {
    await withDirectory(async (directory) => {
      const { take, answering } = processes();
      const lock = held(await take(directory, 'first'));
      const topics = { t: { policy: 'delete', retentionMs: 3_600_000 } } as const;
      const log = await openLog(join(directory, 'log'), topics, { lock });
      await log.append('t', [text('k', 'mine')]);
      await log.probe();
      answering.delete('first');
      held(await take(directory, 'second'));
      await expect(log.probe()).rejects.toThrow(/process 1 has taken over/);
      await sleep(120);
      await expect(log.append('t', [text('k', 'too late')])).rejects.toThrow(StopFlow);
      expect(await allOf(log, 't')).toHaveLength(1);
      await expect(log.close()).rejects.toThrow(StopFlow);
    });
  });
});
