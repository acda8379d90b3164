// Engines that reach maxmemory: no write of another region is lost, replication does not stop before the reserve
// is full, and goes on when there is room again. What is evicted is removed everywhere.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { REPLICATOR_USER } from '../../src/engine/acl.ts';
import { connectEngine } from '../../src/engine/client.ts';
import { readStatus } from '../../src/group/admin.ts';
import { readGroupFile } from '../../src/group/group-file.ts';
import { LocalGroup } from '../../src/group/local-group.ts';

const REGIONS = ['eastus', 'westeurope'];
const MIB = 1024 * 1024;
const WITHIN_MS = 30_000;

describe('an engine that is full', () => {
  let parent = '';
  let group: LocalGroup;
  let [east, west] = [] as unknown as [Redis, Redis];
  /** May change settings. */
  let eastAdmin: Redis;
  let westAdmin: Redis;

  beforeEach(async () => {
    parent = mkdtempSync(join(tmpdir(), 'atoll-full-'));
    group = await LocalGroup.up({ dir: join(parent, 'group'), regions: REGIONS });
    const connect = async (region: string, isAdmin: boolean): Promise<Redis> => {
      const { host, enginePort } = group.member(region);
      const password = readGroupFile(group.dir)?.replicatorPassword;
      const login = isAdmin ? { username: REPLICATOR_USER, password } : {};
      return await connectEngine({ host, port: enginePort, ...login });
    };
    east = await connect('eastus', false);
    west = await connect('westeurope', false);
    eastAdmin = await connect('eastus', true);
    westAdmin = await connect('westeurope', true);
    // It counts as memory in use, and grows with what is written.
    for (const admin of [eastAdmin, westAdmin]) {
      await admin.config('SET', 'repl-backlog-size', String(MIB / 4));
    }
  });

  afterEach(async () => {
    for (const client of [east, west, eastAdmin, westAdmin]) client.disconnect();
    await group.down();
    rmSync(parent, { recursive: true });
  });

  async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const deadlineMs = performance.now() + WITHIN_MS;
    while (!(await holds())) {
      if (performance.now() > deadlineMs) {
        const memory = await Promise.all(REGIONS.map(memoryOf));
        assert.fail(`not in time: ${what}; ${JSON.stringify(memory)}`);
      }
      await delay(50);
    }
  }

  const memoryOf = async (region: string) => (await readStatus(group.member(region))).engineMemory;

  async function usedBytes(admin: Redis): Promise<number> {
    return Number(/^used_memory:(\d+)/m.exec(await admin.info('memory'))?.[1]);
  }

  /** Writes until the engine takes no more. */
  async function fill(client: Redis, prefix: string): Promise<number> {
    for (let i = 0; ; i++) {
      try {
        await client.set(`${prefix}${i}`, 'x'.repeat(10_000));
      } catch (error) {
        assert.match(String(error), /OOM command not allowed/);
        return i;
      }
      assert.ok(i < 10_000, 'it is never full');
    }
  }

  /** A write or two may go through where others have just made room. */
  async function refusesClients(client: Redis): Promise<void> {
    await assert.rejects(async () => {
      for (let i = 0; i < 20; i++) await client.set(`refused${i}`, 'x'.repeat(10_000));
    }, /OOM/);
  }

  async function sameKeys(): Promise<boolean> {
    const [a, b] = await Promise.all([east.keys('*'), west.keys('*')]);
    return JSON.stringify(a.sort()) === JSON.stringify(b.sort());
  }

  test('noeviction: clients are refused first, replication uses the reserve, then waits and goes on', async () => {
    const limit = (await usedBytes(eastAdmin)) + 4 * MIB;
    await eastAdmin.config('SET', 'maxmemory', String(limit));
    await until('the limit is known', async () => {
      return (await memoryOf('eastus'))?.limitBytes === limit;
    });
    await east.rpush('list', 'a', 'b', 'c');
    await until('the list is everywhere', async () => (await west.llen('list')) === 3);
    await fill(east, 'e');
    await refusesClients(east);
    // Small writes of the other region go on: of every kind that is applied in its own way.
    await west.multi().set('small', '1').incr('counter').sadd('set', 'a').exec();
    await west.linsert('list', 'BEFORE', 'b', 'x');
    await until('what is to be removed is there', async () => (await west.exists('e0')) === 1);
    await west.del('e0');
    await until('they are there', async () => {
      const [small, list, gone] = await Promise.all([
        east.get('small'),
        east.lrange('list', '0', '-1'),
        east.exists('e0'),
      ]);
      return small === '1' && list.join() === 'a,x,b,c' && gone === 0;
    });
    await fill(east, 'again');
    // More than the reserve has room for.
    for (let i = 0; i < 100; i++) await west.set(`large${i}`, 'y'.repeat(20_000));
    await until('replication waits', async () => (await memoryOf('eastus'))?.state === 'waiting');
    const memory = await memoryOf('eastus');
    assert.match(memory?.alarm ?? '', /so is the reserve/);
    assert.ok((memory?.usedBytes ?? 0) <= limit + (memory?.reserveBytes ?? 0) + 600_000);
    assert.equal((await eastAdmin.config('GET', 'maxmemory'))[1], String(limit));
    await refusesClients(east);
    await eastAdmin.config('SET', 'maxmemory', String(limit + 64 * MIB));
    await until('nothing was lost', async () => (await east.get('large99')) !== null);
    await until('both have the same keys', sameKeys);
    await until('the alarm is over', async () => (await memoryOf('eastus'))?.alarm === null);
    const status = await readStatus(group.member('eastus'));
    assert.equal(status.applyErrors, 0);
    assert.equal(await east.get('counter'), '1');
  });

  test('noeviction: what clients of a full engine remove makes room, there and elsewhere', async () => {
    const limit = (await usedBytes(eastAdmin)) + 4 * MIB;
    await eastAdmin.config('SET', 'maxmemory', String(limit));
    const count = await fill(east, 'e');
    await east.rename('e1', 'renamed');
    await until('a write that must be read is shipped', async () => {
      return (await west.exists('renamed')) === 1;
    });
    for (let i = 2; i < count; i++) await east.del(`e${i}`);
    await east.set('room', '1');
    await until('both have the same keys', sameKeys);
    assert.equal(await west.get('room'), '1');
  });

  test('allkeys-lru: nothing is refused, and what is evicted is removed everywhere', async () => {
    for (const admin of [eastAdmin, westAdmin]) {
      await admin.config('SET', 'maxmemory-policy', 'allkeys-lru');
      await admin.config('SET', 'maxmemory', String((await usedBytes(admin)) + 4 * MIB));
    }
    for (let i = 0; i < 1500; i++) {
      await (i % 2 === 0 ? east : west).set(`k${i}`, 'x'.repeat(10_000));
    }
    await until('both have the same keys', sameKeys);
    await until('what was evicted is counted', async () => {
      const [atEast, atWest] = [await memoryOf('eastus'), await memoryOf('westeurope')];
      return (atEast?.evictedKeys ?? 0) + (atWest?.evictedKeys ?? 0) > 0;
    });
    const left = await east.dbsize();
    assert.ok(left > 10 && left < 1500, `${left} keys are left`);
    const { applyErrors } = await readStatus(group.member('eastus'));
    assert.equal(applyErrors, 0);
  });

  test('volatile-ttl: keys with an expiry go, those without stay and then are too many', async () => {
    await eastAdmin.config('SET', 'maxmemory-policy', 'volatile-ttl');
    for (let i = 0; i < 100; i++) await east.set(`ttl${i}`, 'x'.repeat(10_000), 'EX', 1000 + i);
    for (let i = 0; i < 50; i++) await east.set(`stay${i}`, 'x'.repeat(10_000));
    await until('both have the same keys', sameKeys);
    await eastAdmin.config('SET', 'maxmemory', String((await usedBytes(eastAdmin)) + MIB));
    for (let i = 0; i < 150; i++) await west.set(`west${i}`, 'y'.repeat(10_000));
    await until('what was evicted is gone in the other region', async () => {
      return (await west.exists('ttl0')) === 0;
    });
    await until('both have the same keys', sameKeys);
    assert.equal(await east.exists('stay0', 'stay49'), 2);
    assert.equal(await east.get('west149'), 'y'.repeat(10_000));
    // Only keys without an expiry are left to come: then the engine is full as with noeviction.
    for (let i = 0; i < 300; i++) await west.set(`more${i}`, 'z'.repeat(10_000));
    await until('replication waits', async () => (await memoryOf('eastus'))?.state === 'waiting');
    await eastAdmin.config('SET', 'maxmemory', '0');
    await until('nothing was lost', async () => (await east.get('more299')) !== null);
    await until('both have the same keys', sameKeys);
  });
});
