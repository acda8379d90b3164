// A member joins: its engine follows the donor's through the tunnel, while clients write to the donor's,
// and ends with exactly what the donor's engine held where the log ends.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Capture } from '../../src/replicator/capture/capture.ts';
import type { Joined } from '../../src/replicator/join/join.ts';
import { isJoinUnfinished, joinFinished } from '../../src/replicator/join/join-marker.ts';
import { DONOR, type Engine, Recording, until } from './support/join-bed.ts';
import { assertCopy, type Bed, codeOf, startWriters, withBed } from './support/joining.ts';

const MEGABYTE = 1024 * 1024;
const FUNCTIONS = "#!lua name=lib\nredis.register_function('one', function() return 1 end)";

/** Some of every type; `megabytes` that do not compress. */
async function fill({ client }: Engine, megabytes: number): Promise<void> {
  await client.call('FUNCTION', 'LOAD', FUNCTIONS);
  const pipeline = client.pipeline();
  for (let i = 0; i < megabytes * 64; i++) pipeline.set(`filler:${i}`, randomBytes(16 * 1024));
  for (let i = 0; i < 300; i++) {
    pipeline.set(`string:${i}`, `value ${i}`);
    pipeline.set(`expiring:${i}`, 'gone one day', 'EX', 3600 + i);
    pipeline.hset(`hash:${i}`, 'a', i, 'b', 'x'.repeat(i));
    pipeline.rpush(`list:${i % 20}`, i, i + 1);
    pipeline.sadd(`set:${i % 20}`, i, `member ${i}`);
    pipeline.zadd(`sorted:${i % 20}`, i / 3, `member ${i}`);
    pipeline.xadd(`stream:${i % 5}`, '*', 'field', i);
    pipeline.pfadd(`log:${i % 5}`, i);
    pipeline.setbit(`bits:${i % 5}`, i * 7, 1);
    pipeline.geoadd('places', 8 + i / 100, 50, `place ${i}`);
  }
  pipeline.xgroup('CREATE', 'stream:0', 'group', '0');
  pipeline.xreadgroup('GROUP', 'group', 'reader', 'COUNT', 3, 'STREAMS', 'stream:0', '>');
  await pipeline.exec();
}

function assertLogCopied({ donor, stateDir }: Bed, { logDir }: Joined): void {
  const held = donor.log.hold();
  held.release();
  assert.equal(logDir, join(stateDir, 'log'));
  assert.ok(held.files.length > 0);
  assert.equal(readdirSync(logDir).length, held.files.length);
  for (const { path } of held.files) {
    assert.deepEqual(readFileSync(path.replace(/.*\//, `${logDir}/`)), readFileSync(path));
  }
}

test('the newcomer ends with exactly what the donor held at the cut, while clients write', async () => {
  await withBed(async (bed) => {
    await fill(bed.donorEngine, 8);
    const recording = await Recording.begin(bed.donorEngine, bed.undo);
    const stop = startWriters(bed.donorEngine);
    const joined = await bed.join();
    const after = await bed.donorEngine.offset();
    const rounds = await stop();
    assert.ok(rounds > 20, `${rounds} rounds of writes`);
    assert.ok(after > joined.position, 'clients wrote on behind the cut');
    assert.equal(joined.donor, DONOR);
    assert.deepEqual(bed.donor.cuts.at(-1), joined.position);
    await assertCopy(bed, recording, joined);
    assertLogCopied(bed, joined);
    const phases = new Set(bed.progress.map(({ phase }) => phase));
    assert.ok(phases.has('done'));
    assert.equal(bed.progress.at(-1)?.percent, 100);
    assert.equal(bed.donor.tunnels.progress().length, 0);
    // Settings of the join do not stay.
    assert.deepEqual(await bed.newcomerEngine.client.config('GET', 'repl-timeout'), [
      'repl-timeout',
      '60',
    ]);
    assert.deepEqual(await bed.newcomerEngine.client.config('GET', 'masterauth'), [
      'masterauth',
      '',
    ]);
    assert.ok(isJoinUnfinished(bed.stateDir));
    joinFinished(bed.stateDir);
    assert.ok(!isJoinUnfinished(bed.stateDir));
  });
});

test('the stream of the newcomer goes on behind the cut under its new replication id', async () => {
  await withBed(async (bed) => {
    await fill(bed.donorEngine, 1);
    const { position, replicationId } = await bed.join();
    await bed.newcomerEngine.client.set('after', 'the cut');
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    let text = '';
    const capture = new Capture({
      ...bed.newcomerEngine.endpoint,
      resume: { replicationId, offset: position },
      gatherMs: 1,
      onStart: () => {},
      onData: (chunk) => {
        text += chunk.latin1Slice();
        if (text.includes('the cut')) resolve(text);
      },
      onLost: (reason) => reject(new Error(reason)),
      onClose: () => {},
    });
    bed.undo.defer(() => capture.close());
    assert.match(await promise, /^\*2\r\n\$6\r\nSELECT/);
  });
});

test('a tunnel that breaks within the snapshot, and again in the stream, is built anew', async () => {
  await withBed(async (bed) => {
    await fill(bed.donorEngine, 8);
    const recording = await Recording.begin(bed.donorEngine, bed.undo);
    const stop = startWriters(bed.donorEngine);
    bed.wire.breakAfter(3 * MEGABYTE);
    let isFirstLog = true;
    const joined = await bed.join({
      onProgress: ({ phase }) => {
        // The second time while the log is handed over, the stream being cut.
        if (phase !== 'cut' || !isFirstLog) return;
        isFirstLog = false;
        bed.wire.breakAfter(0);
      },
    });
    await stop();
    assert.ok(bed.wire.breaks >= 1);
    await assertCopy(bed, recording, joined);
    assertLogCopied(bed, joined);
  });
});

test('the throttle holds, and may be lifted meanwhile', async () => {
  await withBed(async (bed) => {
    await fill(bed.donorEngine, 16);
    const rate = 3 * MEGABYTE;
    bed.donor.tunnels.throttle(rate);
    const joining = bed.join();
    await until(() => bed.donor.tunnels.progress()[0]?.phase === 'snapshot');
    const startMs = performance.now();
    const startBytes = bed.donor.tunnels.progress()[0]?.bytes ?? 0;
    await sleep(2000);
    const bytes = (bed.donor.tunnels.progress()[0]?.bytes ?? 0) - startBytes;
    const allowed = ((performance.now() - startMs) / 1000) * rate;
    assert.ok(bytes > allowed * 0.7 && bytes < allowed * 1.1 + rate / 10, `${bytes} of ${allowed}`);
    await until(() => (bed.progress.at(-1)?.percent ?? 0) > 20);
    assert.ok((bed.progress.at(-1)?.percent ?? 100) < 95);
    await until(() => (bed.progress.at(-1)?.secondsLeft ?? -1) > 0);
    bed.donor.tunnels.throttle(null);
    await joining;
  });
});

test('a donor that goes away ends the join, and a later one begins clean', async () => {
  await withBed(async (bed) => {
    await fill(bed.donorEngine, 8);
    bed.donor.tunnels.throttle(MEGABYTE);
    const joining = bed.join({ donorAwayMsMax: 1000 });
    joining.catch(() => {});
    await until(() => (bed.progress.at(-1)?.bytes ?? 0) > MEGABYTE);
    bed.wire.down();
    await assert.rejects(joining, (error) => codeOf(error) === 'JOIN_DONOR_AWAY');
    assert.equal(await bed.newcomerEngine.client.dbsize(), 0);
    assert.equal(await bed.newcomerEngine.info('role'), 'master');
    assert.ok(!existsSync(join(bed.stateDir, 'log')));
    await bed.newcomerEngine.client.set('left', 'over');
    await assert.rejects(
      bed.join({ donorAwayMsMax: 300 }),
      (error) => codeOf(error) === 'JOIN_DONOR_AWAY',
    );
    assert.equal(await bed.newcomerEngine.client.dbsize(), 0);
  });
});

test('an engine with data does not join', async () => {
  await withBed(async (bed) => {
    await bed.newcomerEngine.client.set('precious', '1');
    await assert.rejects(bed.join(), (error) => codeOf(error) === 'JOIN_ENGINE_NOT_EMPTY');
    assert.equal(await bed.newcomerEngine.client.get('precious'), '1');
  });
});

test('a join that is ended leaves an empty engine', async () => {
  await withBed(async (bed) => {
    await fill(bed.donorEngine, 4);
    bed.donor.tunnels.throttle(MEGABYTE);
    const abort = new AbortController();
    const joining = bed.join({ signal: abort.signal });
    joining.catch(() => {});
    await until(() => (bed.progress.at(-1)?.bytes ?? 0) > MEGABYTE / 2);
    abort.abort();
    await assert.rejects(joining, (error) => codeOf(error) === 'JOIN_ENDED');
    assert.equal(await bed.newcomerEngine.client.dbsize(), 0);
  });
});
