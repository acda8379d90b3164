// The disk of the logs is full, on real engines: replication stands still and says so, clients go on, and when there
// is room again everything that was written meanwhile is everywhere, once.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { readStatusIfUp } from '../../src/group/admin.ts';
import { LocalGroup } from '../../src/group/local-group.ts';
import { waitUntilQuiet } from '../../src/group/quiet.ts';
import { assertSame, contentOf } from './support/content.ts';
import { connectIoredis } from './support/region-client.ts';

const REGIONS = ['eastus', 'westeurope'];
const QUIET_MS = 60_000;
const WITHIN_MS = 60_000;

/** A file system of 24 MB; undefined where none may be mounted. */
function smallDisk(): string | undefined {
  const dir = mkdtempSync(join(tmpdir(), 'atoll-disk-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', dir], { stdio: 'ignore' });
    return dir;
  } catch {
    rmSync(dir, { recursive: true });
    return undefined;
  }
}

/** Takes all that is free. */
function fill(file: string): void {
  const handle = openSync(file, 'w');
  try {
    for (let bytes = 1024 * 1024; bytes >= 1; ) {
      try {
        writeSync(handle, Buffer.alloc(bytes));
      } catch {
        bytes = Math.floor(bytes / 2);
      }
    }
  } finally {
    closeSync(handle);
  }
}

test('a full disk stops replication, and loses and doubles nothing', async (t) => {
  const disk = smallDisk();
  if (disk === undefined) {
    t.skip('no file system may be mounted here');
    return;
  }
  const group = await LocalGroup.up({ dir: join(disk, 'group'), regions: REGIONS });
  const clients = await Promise.all(REGIONS.map((r) => connectIoredis(group.member(r))));
  t.after(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await group.down();
    execFileSync('umount', ['-l', disk]);
    rmSync(disk, { recursive: true });
  });
  let added = 0;
  const write = async (): Promise<void> => {
    for (const [i, client] of clients.entries()) {
      await client.send(['INCR', 'count']);
      await client.send(['RPUSH', 'list', `${i}-${added}`]);
      await client.send(['SADD', 'members', `${i}-${added}`, 'x'.repeat(500)]);
      await client.send(['SET', `text:${added % 50}`, `${i}-${added}${'y'.repeat(2000)}`]);
    }
    added++;
  };
  const alarms = async (): Promise<(string | null | undefined)[]> => {
    const statuses = await Promise.all(REGIONS.map((r) => readStatusIfUp(group.member(r))));
    return statuses.map((status) => (status === null ? undefined : status.diskAlarm));
  };
  const until = async (isWanted: (alarm: string | null | undefined) => boolean): Promise<void> => {
    const deadlineMs = performance.now() + WITHIN_MS;
    while (!(await alarms()).every(isWanted)) {
      assert.ok(performance.now() < deadlineMs, JSON.stringify(await alarms()));
      await delay(50);
    }
  };

  for (let i = 0; i < 50; i++) await write();
  await waitUntilQuiet(group.quietMembers, QUIET_MS);
  for (let round = 0; round < 2; round++) {
    const filler = join(disk, 'filler');
    fill(filler);
    for (let i = 0; i < 100; i++) await write();
    await until((alarm) => typeof alarm === 'string' && alarm.includes('Free'));
    for (let i = 0; i < 100; i++) await write();
    rmSync(filler);
    await until((alarm) => alarm === null);
    await waitUntilQuiet(group.quietMembers, QUIET_MS);
  }
  assertSame(await Promise.all(group.quietMembers.map((member) => contentOf(member))), REGIONS);
  for (const client of clients) {
    assert.equal(await client.send(['GET', 'count']), String(2 * added));
    assert.equal(await client.send(['LLEN', 'list']), 2 * added);
    assert.equal(await client.send(['SCARD', 'members']), 2 * added + 1);
  }
});
