// A member whose engine held most of the data joins: only what differs travels, and its engine ends with
// exactly what the donor's held at the cut.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { test } from 'node:test';
import { saveSnapshot } from '../../src/engine/snapshot-file.ts';
import { heldSnapshotFile } from '../../src/replicator/join/held-file.ts';
import { fillWithAllTypes } from './support/all-types.ts';
import { type Engine, Recording, until } from './support/join-bed.ts';
import { assertCopy, type Bed, codeOf, startWriters, withBed } from './support/joining.ts';

const MEGABYTE = 1024 * 1024;

/** So many keys of about 1 KB, with expiries on some. */
async function fillKeys({ client }: Engine, count: number): Promise<void> {
  for (let from = 0; from < count; from += 2000) {
    const pipeline = client.pipeline();
    for (let i = from; i < Math.min(count, from + 2000); i++) {
      const value = randomBytes(1000);
      if (i % 5 === 0) pipeline.set(`key:${i}`, value, 'PX', 3_600_000 + i);
      else pipeline.set(`key:${i}`, value);
    }
    await pipeline.exec();
  }
}

/** The newcomer holds what the donor holds now, in a file, and its engine is empty again. */
async function holdCopy({ donorEngine, newcomerEngine, stateDir }: Bed): Promise<number> {
  const { client } = newcomerEngine;
  await client.config('SET', 'masterauth', donorEngine.endpoint.password);
  await client.call('REPLICAOF', '127.0.0.1', String(donorEngine.port));
  await until(async () => (await newcomerEngine.info('master_link_status')) === 'up');
  await client.call('REPLICAOF', 'NO', 'ONE');
  await client.config('SET', 'masterauth', '');
  const file = heldSnapshotFile(stateDir);
  const bytes = await saveSnapshot({ engine: newcomerEngine.endpoint, file });
  await client.flushall();
  await client.call('FUNCTION', 'FLUSH');
  return bytes;
}

async function changeKeys({ client }: Engine, keys: number[]): Promise<void> {
  const pipeline = client.pipeline();
  for (const i of keys) pipeline.set(`key:${i}`, randomBytes(1000));
  await pipeline.exec();
}

const last = ({ progress }: Bed) => {
  const told = progress.at(-1);
  assert.ok(told !== undefined);
  return told;
};

test('1 % of the keys have changed: less than 3 % of the snapshot travels', async () => {
  await withBed(async (bed) => {
    await fillKeys(bed.donorEngine, 20_000);
    await fillWithAllTypes(bed.donorEngine.client);
    const heldBytes = await holdCopy(bed);
    await changeKeys(
      bed.donorEngine,
      Array.from({ length: 200 }, (_, i) => i * 100),
    );
    await bed.donorEngine.client.del('key:7');
    await bed.donorEngine.client.pexpire('key:8', 7_200_000);
    await bed.donorEngine.client.hset('hash:700', 'one more', 'field');
    const recording = await Recording.begin(bed.donorEngine, bed.undo);
    const joined = await bed.join();
    const { bytes, givenBytes } = last(bed);
    assert.ok(givenBytes > heldBytes * 0.95, `${givenBytes} bytes for ${heldBytes}`);
    assert.ok(bytes < givenBytes * 0.03, `${bytes} of ${givenBytes} bytes`);
    const reference = await recording.stateAt(joined.position);
    assert.equal(await bed.newcomerEngine.digest(), await reference.digest());
    for (const key of ['key:5', 'key:8', 'stream', 'hash:700', 'hash:expiring:700']) {
      const { client } = bed.newcomerEngine;
      assert.equal(await client.pexpiretime(key), await reference.client.pexpiretime(key));
    }
    assert.equal(await bed.newcomerEngine.client.fcall('one', 0), 1);
    assert.ok(bed.progress.every((one) => one.restarts === 0));
  });
});

test('clients write meanwhile, and the tunnel breaks: the next one is as thrifty', async () => {
  await withBed(async (bed) => {
    await fillKeys(bed.donorEngine, 15_000);
    await fillWithAllTypes(bed.donorEngine.client);
    await holdCopy(bed);
    await changeKeys(
      bed.donorEngine,
      Array.from({ length: 3000 }, (_, i) => i),
    );
    const recording = await Recording.begin(bed.donorEngine, bed.undo);
    const stop = startWriters(bed.donorEngine);
    bed.wire.breakAfter(MEGABYTE);
    const joined = await bed.join();
    await stop();
    assert.equal(bed.wire.breaks, 1);
    await assertCopy(bed, recording, joined);
    const { bytes, givenBytes } = last(bed);
    assert.ok(bytes < givenBytes * 0.6, `${bytes} of ${givenBytes} bytes`);
  });
});

test('the throttle counts what travels, not what it stands for', async () => {
  await withBed(async (bed) => {
    await fillKeys(bed.donorEngine, 20_000);
    await holdCopy(bed);
    bed.donor.tunnels.throttle(MEGABYTE);
    const startMs = performance.now();
    await bed.join();
    // Whole, it would take 20 seconds.
    assert.ok(performance.now() - startMs < 12_000);
  });
});

test('the throttle holds where everything differs', async () => {
  await withBed(async (bed) => {
    await fillKeys(bed.donorEngine, 12_000);
    await holdCopy(bed);
    await fillKeys(bed.donorEngine, 12_000);
    const rate = 4 * MEGABYTE;
    bed.donor.tunnels.throttle(rate);
    const startMs = performance.now();
    let most = 0;
    await bed.join({
      onProgress: ({ bytes, logBytes }) => {
        const seconds = (performance.now() - startMs) / 1000;
        most = Math.max(most, bytes - logBytes - seconds * rate);
      },
    });
    assert.ok(performance.now() - startMs > 2500, '12 MB need three seconds');
    assert.ok(most < rate / 2, `${most} bytes too early`);
  });
});

test('a file that is not what it was is noticed, and the snapshot comes whole', async () => {
  await withBed(async (bed) => {
    await fillKeys(bed.donorEngine, 3000);
    await holdCopy(bed);
    const file = heldSnapshotFile(bed.stateDir);
    const recording = await Recording.begin(bed.donorEngine, bed.undo);
    const joined = await bed.join({
      onProgress: ({ phase }) => {
        // It has been looked at by now: other bytes in the same places.
        if (phase !== 'indexing') writeFileSync(file, Buffer.alloc(readFileSync(file).length, 7));
      },
    });
    const reference = await recording.stateAt(joined.position);
    assert.equal(await bed.newcomerEngine.digest(), await reference.digest());
  });
});

test('a file that is no snapshot is of no use, and no harm', async () => {
  await withBed(async (bed) => {
    await fillKeys(bed.donorEngine, 500);
    writeFileSync(heldSnapshotFile(bed.stateDir), randomBytes(100_000));
    await bed.join();
    assert.equal(await bed.newcomerEngine.digest(), await bed.donorEngine.digest());
  });
});

const SETTINGS: Readonly<Record<string, string[]>> = {
  'makes no checksum': ['--rdbchecksum', 'no'],
  'saves its snapshots to a disk first': ['--repl-diskless-sync', 'no'],
  'notes how long keys have been idle': ['--maxmemory-policy', 'allkeys-lru'],
  'notes how often keys are used': ['--maxmemory-policy', 'allkeys-lfu'],
};
for (const [what, settings] of Object.entries(SETTINGS)) {
  test(`a donor whose engine ${what} is no other`, async () => {
    await withBed(async (bed) => {
      await fillKeys(bed.donorEngine, 3000);
      await holdCopy(bed);
      const recording = await Recording.begin(bed.donorEngine, bed.undo);
      const joined = await bed.join();
      const reference = await recording.stateAt(joined.position);
      assert.equal(await bed.newcomerEngine.digest(), await reference.digest());
      const { bytes, givenBytes } = last(bed);
      assert.ok(bytes < givenBytes * 0.05, `${bytes} of ${givenBytes} bytes`);
    }, settings);
  });
}

test('the file outlives a join that failed, for the next', async () => {
  await withBed(async (bed) => {
    await fillKeys(bed.donorEngine, 5000);
    await holdCopy(bed);
    bed.wire.down();
    await assert.rejects(
      bed.join({ donorAwayMsMax: 300 }),
      (error) => codeOf(error) === 'JOIN_DONOR_AWAY',
    );
    assert.ok(existsSync(heldSnapshotFile(bed.stateDir)));
  });
});
