import assert from 'node:assert/strict';
import { existsSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { ifUnlocked, lockFile, withGroupLock } from './group-lock.ts';

async function inDirectory(run: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'atoll-lock-'));
  try {
    await run(dir);
  } finally {
    await rm(dir, { recursive: true });
  }
}

test('one change at a time; the locks of membership and of processes are two', async () => {
  await inDirectory(async (dir) => {
    const order: string[] = [];
    const open = Promise.withResolvers<void>();
    const first = withGroupLock(dir, 'membership', 'a join', async () => {
      await open.promise;
      order.push('first');
    });
    assert.equal(await ifUnlocked(dir, 'membership', 'a look', async () => {}), false);
    assert.equal(await ifUnlocked(dir, 'processes', 'a look', async () => {}), true);
    await assert.rejects(
      withGroupLock(dir, 'membership', 'x', async () => {}, 10),
      {
        code: 'GROUP_BUSY',
        message: /a join/,
      },
    );
    const second = withGroupLock(dir, 'membership', 'a leave', async () => {
      order.push('second');
    });
    open.resolve();
    await Promise.all([first, second]);
    assert.deepEqual(order, ['first', 'second']);
    assert.equal(existsSync(lockFile(dir, 'membership')), false);
  });
});

test('the lock of a process that is gone is taken over, and an error gives it back', async () => {
  await inDirectory(async (dir) => {
    const gone = { pid: 2 ** 30, marker: 'nobody', doing: 'a join' };
    writeFileSync(lockFile(dir, 'membership'), JSON.stringify(gone));
    await assert.rejects(
      withGroupLock(dir, 'membership', 'a leave', () => Promise.reject(new Error('no'))),
      /no/,
    );
    assert.equal(await ifUnlocked(dir, 'membership', 'a look', async () => {}), true);
  });
});
