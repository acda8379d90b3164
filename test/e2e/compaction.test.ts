// A member is away while few keys are written often: what is kept for it stays small, and it has everything once it is
// back.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { connectEngine } from '../../src/engine/client.ts';
import { readStatus } from '../../src/group/admin.ts';
import { LocalGroup } from '../../src/group/local-group.ts';
import { waitUntilQuiet } from '../../src/group/quiet.ts';
import { assertSame, contentOf } from './support/content.ts';

const REGIONS = ['eastus', 'westeurope'];
const QUIET_MS = 30_000;
const WITHIN_MS = 20_000;
const SEGMENT_BYTES = 64 * 1024;
const KEYS = 50;
const ROUNDS = 400;

describe('a member that is away while few keys are written often', () => {
  let dir = '';
  let group: LocalGroup;
  let east: Redis;
  let west: Redis;

  before(async () => {
    dir = mkdtempSync(join(tmpdir(), 'atoll-compaction-'));
    group = await LocalGroup.up({
      dir: join(dir, 'group'),
      regions: REGIONS,
      segmentBytes: SEGMENT_BYTES,
    });
    const connect = (region: string) => {
      const { host, enginePort: port } = group.member(region);
      return connectEngine({ host, port });
    };
    [east, west] = [await connect('eastus'), await connect('westeurope')];
  });
  after(async () => {
    for (const client of [east, west]) client.disconnect();
    await group.down();
    rmSync(dir, { recursive: true });
  });

  test('what is kept for it is about what the keys take, and it gets all of that', async () => {
    await east.set('before', '1');
    await waitUntilQuiet(group.quietMembers, QUIET_MS);
    await group.cut('eastus', 'westeurope');
    const value = 'x'.repeat(80);
    for (let round = 0; round < ROUNDS; round++) {
      const writes = east.pipeline();
      for (let key = 0; key < KEYS; key++) writes.set(`key:${key}`, `${value}${round}`);
      await writes.incr('count').exec();
    }
    // Captured, so that what is written elsewhere now is newer.
    await east.wait(1, WITHIN_MS);
    // Met on both sides: decided with what is left in the log.
    await west.set('key:0', 'newest');
    await west.incr('count');
    // 20,000 writes of some 130 bytes, of which 12 are left for each that is superseded.
    const written = ROUNDS * KEYS * 130;
    const deadlineMs = performance.now() + WITHIN_MS;
    for (;;) {
      const { logBytes } = await readStatus(group.member('eastus'));
      if (logBytes < written / 4) break;
      assert.ok(performance.now() < deadlineMs, `${logBytes} bytes are in the log`);
      await delay(50);
    }
    // It begins anew with what is left.
    process.kill(group.member('eastus').replicatorPid, 'SIGKILL');
    const deadline = performance.now() + WITHIN_MS;
    while ((await west.get('count')) !== String(ROUNDS + 1)) {
      assert.ok(performance.now() < deadline, 'the other member has everything in time');
      await group.heal().catch(() => {});
      await delay(100);
    }
    await waitUntilQuiet(group.quietMembers, QUIET_MS);
    assert.equal(await west.get('key:1'), `${value}${ROUNDS - 1}`);
    assert.equal(await east.get('key:0'), 'newest');
    const contents = await Promise.all(group.quietMembers.map(contentOf));
    assertSame(contents, REGIONS);
    assert.equal((await readStatus(group.member('westeurope'))).applyErrors, 0);
  });
});
