import assert from 'node:assert/strict';
import {
  appendFileSync,
  readdirSync,
  readFileSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import { OperatorError } from '../../base/errors.ts';
import { decodeFrameHeader } from '../../wire/frame.ts';
import { encodeRecord, type Record, RecordType, recordBody } from '../../wire/record.ts';
import { makeFrame, temporaryDirectory } from './frames.fixture.ts';
import { Log, type LogOptions } from './log.ts';

const silent = { warn() {} };

function openLog(dir: string, options: Partial<LogOptions> = {}): { log: Log; records: Record[] } {
  const { log, records } = Log.open(dir, {
    segmentBytes: 4096,
    fsync: 'no',
    checkpoint: () => encodeRecord(RecordType.checkpoint, Buffer.from('state')),
    logger: silent,
    ...options,
  });
  return { log, records: [...records] };
}

const visible = (text: string): Buffer => encodeRecord(RecordType.visible, Buffer.from(text));
const bodies = (records: Record[]): string[] =>
  records.filter((r) => r.type === RecordType.visible).map((r) => recordBody(r).toString());

test('what was appended comes back in order, each segment behind a checkpoint', async (t) => {
  const dir = temporaryDirectory(t);
  const { log } = openLog(dir);
  for (let i = 0; i < 300; i++) log.append([visible(`a${i}`), visible(`b${i}`)]);
  await log.close();
  const files = readdirSync(dir).sort();
  assert.ok(files.length > 2);
  for (const file of files) assert.equal(readFileSync(join(dir, file))[12], RecordType.checkpoint);
  const again = openLog(dir);
  assert.deepEqual(
    bodies(again.records),
    Array.from({ length: 300 }, (_, i) => [`a${i}`, `b${i}`]).flat(),
  );
  await again.log.close();
});

test('what is held is not deleted, and a new segment lets what everyone has go', async (t) => {
  const dir = temporaryDirectory(t);
  const { log } = openLog(dir);
  log.append([makeFrame(1, 1, 10)]);
  log.rotate();
  log.rotate();
  assert.equal(readdirSync(dir).length, 2, 'an empty segment is not followed by another');
  const held = log.hold();
  assert.deepEqual(
    held.files.map(({ path, bytes }) => [path, bytes]),
    readdirSync(dir).map((name) => [join(dir, name), statSync(join(dir, name)).size]),
  );
  const everything = new Map([[1, 10]]);
  log.release(everything);
  assert.equal(log.firstSeq(1), 1);
  held.release();
  log.release(everything);
  assert.equal(log.firstSeq(1), 0);
  log.append([makeFrame(1, 11, 1), visible('behind')]);
  await log.close();
  assert.equal(readdirSync(dir).length, 1);
  const again = openLog(dir);
  assert.deepEqual(bodies(again.records), ['behind']);
  await again.log.close();
});

test('what a replay needs is kept, but not without a bound', async (t) => {
  const { log } = openLog(temporaryDirectory(t), { replayBytes: 20_000 });
  const frontier = new Map([[1, 0]]);
  const replayable = new Map([[1, 0]]);
  const fill = (until: number): void => {
    while ((frontier.get(1) ?? 0) < until) {
      const first = (frontier.get(1) ?? 0) + 1;
      log.append([makeFrame(1, first, 10)]);
      frontier.set(1, first + 9);
    }
    log.rotate();
    log.release(frontier, () => replayable);
  };
  fill(100);
  assert.equal(log.firstSeq(1), 1);
  replayable.set(1, 100);
  log.release(frontier, () => replayable);
  assert.ok(log.firstSeq(1) === 0 || log.firstSeq(1) > 90);
  fill(20_000);
  assert.ok(log.firstSeq(1) > 100, 'a key that is never quiet does not keep everything');
  assert.ok(log.bytes < 30_000);
  await log.close();
});

test('a torn last record is dropped at every cut, and appending goes on behind it', async (t) => {
  const dir = temporaryDirectory(t);
  const first = openLog(dir);
  first.log.append([visible('one')]);
  const kept = first.log.bytes;
  first.log.append([visible('the last record')]);
  const whole = first.log.bytes;
  await first.log.close();
  const path = join(dir, readdirSync(dir)[0] as string);
  const bytes = readFileSync(path);
  for (let cut = kept; cut < whole; cut++) {
    writeFileSync(path, bytes.subarray(0, cut));
    const warnings: unknown[] = [];
    const { log, records } = openLog(dir, {
      logger: { warn: (...all: unknown[]) => warnings.push(all) },
    });
    assert.deepEqual(bodies(records), ['one'], `cut at ${cut}`);
    assert.equal(warnings.length, cut === kept ? 0 : 1);
    assert.equal(statSync(path).size, kept);
    log.append([visible('more')]);
    await log.close();
    const again = openLog(dir);
    assert.deepEqual(bodies(again.records), ['one', 'more']);
    await again.log.close();
  }
});

test('a bad checksum of the last record, and zeros behind it, are a torn tail', async (t) => {
  const dir = temporaryDirectory(t);
  const { log } = openLog(dir);
  log.append([visible('one')]);
  const kept = log.bytes;
  log.append([visible('two')]);
  await log.close();
  const path = join(dir, readdirSync(dir)[0] as string);
  const bytes = readFileSync(path);
  bytes[bytes.length - 1] = 0;
  writeFileSync(path, bytes);
  assert.deepEqual(bodies(openLog(dir).records), ['one']);
  truncateSync(path, kept);
  appendFileSync(path, Buffer.alloc(5000));
  assert.deepEqual(bodies(openLog(dir).records), ['one']);
});

test('a torn checkpoint of a new segment is written again', async (t) => {
  const dir = temporaryDirectory(t);
  const { log } = openLog(dir);
  for (let i = 0; i < 400; i++) log.append([visible(`v${i}`)]);
  await log.close();
  const files = readdirSync(dir).sort();
  const last = files.at(-1) as string;
  truncateSync(join(dir, last), 7);
  const again = openLog(dir);
  again.log.append([visible('after')]);
  await again.log.close();
  assert.deepEqual(readdirSync(dir).sort(), files);
  assert.equal(readFileSync(join(dir, last))[12], RecordType.checkpoint);
});

test('corruption anywhere but at the end stops with file and offset', async (t) => {
  const dir = temporaryDirectory(t);
  const { log } = openLog(dir);
  for (let i = 0; i < 400; i++) log.append([visible(`v${i}`)]);
  await log.close();
  const files = readdirSync(dir).sort();
  for (const file of [files[0] as string, files.at(-1) as string]) {
    const path = join(dir, file);
    const bytes = readFileSync(path);
    for (const at of [20, 25, 28, 32]) {
      const broken = Buffer.from(bytes);
      broken[at] = (broken[at] as number) ^ 0x40;
      writeFileSync(path, broken);
      assert.throws(
        () => openLog(dir),
        (error) =>
          error instanceof OperatorError &&
          error.code === 'log-corrupt' &&
          error.message.includes(path) &&
          error.message.includes('offset 18'),
        `${file} at ${at}`,
      );
    }
    writeFileSync(path, bytes);
  }
  // Cut short is fatal as well, unless it is the last.
  truncateSync(join(dir, files[0] as string), 100);
  assert.throws(() => openLog(dir), { code: 'log-corrupt' });
});

test('a missing segment is noticed', async (t) => {
  const dir = temporaryDirectory(t);
  const { log } = openLog(dir);
  for (let i = 0; i < 500; i++) log.append([visible(`v${i}`)]);
  await log.close();
  const { unlinkSync } = await import('node:fs');
  unlinkSync(join(dir, readdirSync(dir).sort()[1] as string));
  assert.throws(() => openLog(dir), { code: 'log-segment-missing' });
});

test('a directory that cannot be written is an operator error and leaves the log usable', async (t) => {
  const dir = temporaryDirectory(t);
  const file = join(dir, 'file');
  writeFileSync(file, '');
  assert.throws(() => openLog(join(file, 'log')), {
    name: 'OperatorError',
    code: 'log-write-failed',
  });
});

test('a full disk is an operator error and nothing of the batch is kept', async (t) => {
  // /dev/full cannot stand for a segment, so a limit on the file size makes the write fail.
  const dir = temporaryDirectory(t);
  const { spawnSync } = await import('node:child_process');
  const script = `
    const { Log } = await import(${JSON.stringify(new URL('./log.ts', import.meta.url).href)});
    const { encodeRecord, RecordType } = await import(${JSON.stringify(new URL('../../wire/record.ts', import.meta.url).href)});
    const { log, records } = Log.open(process.argv[1], { segmentBytes: 1e9, fsync: 'no', logger: console,
      checkpoint: () => encodeRecord(RecordType.checkpoint, Buffer.alloc(10)) });
    for (const _ of records);
    process.on('SIGXFSZ', () => {});
    const record = encodeRecord(RecordType.visible, Buffer.alloc(50_000));
    let appended = 0, code = '';
    try { for (;;) { log.append([record, record]); appended += 2; } } catch (error) { code = error.code; }
    console.log(JSON.stringify({ appended, code, bytes: log.bytes }));`;
  const run = spawnSync(
    'sh',
    [
      '-c',
      'ulimit -f 1000; exec "$0" --input-type=module -e "$1" "$2"',
      process.execPath,
      script,
      dir,
    ],
    { encoding: 'utf8' },
  );
  const result = JSON.parse(run.stdout) as { appended: number; code: string; bytes: number };
  assert.equal(result.code, 'log-write-failed', run.stderr);
  const { records, log } = openLog(dir, { segmentBytes: 1e9 });
  assert.equal(bodies(records).length, result.appended);
  assert.equal(log.bytes, result.bytes);
});

test('each fsync policy writes and reopens', async (t) => {
  for (const fsync of ['no', 'everysec', 'always'] as const) {
    const dir = temporaryDirectory(t);
    const { log } = openLog(dir, { fsync });
    for (let i = 0; i < 150; i++) log.append([makeFrame(1, i + 1, 1)]);
    log.release(new Map([[1, 100]]));
    await log.close();
    const again = openLog(dir, { fsync });
    assert.equal(again.log.lastSeq(1), 150);
    assert.ok(again.log.firstSeq(1) > 1);
    await again.log.close();
  }
});

test('frames from disk equal frames from memory, also for several followers at once', async (t) => {
  const dir = temporaryDirectory(t);
  const disk = openLog(join(dir, 'disk'), { tailBytes: 0, segmentBytes: 300_000 });
  const memory = openLog(join(dir, 'memory'), { segmentBytes: 300_000 });
  const next = new Map([
    [1, 1],
    [2, 1],
  ]);
  for (let i = 0; i < 3000; i++) {
    const origin = i % 3 === 0 ? 2 : 1;
    const first = next.get(origin) as number;
    const count = 1 + (i % 7);
    next.set(origin, first + count);
    const frame = makeFrame(origin, first, count, i % 500 === 0 ? 400_000 : 40);
    for (const { log } of [disk, memory]) log.append([frame, visible(`${i}`)]);
  }
  const followers = [1, 2, 1, 2, 1].map((origin) => ({ origin, seq: 0, frames: 0 }));
  for (let turn = 0; followers.some((f) => f.seq < disk.log.lastSeq(f.origin)); turn++) {
    const follower = followers[(turn * 7) % 5] as (typeof followers)[number];
    const fromDisk = disk.log.frameAfter(follower.origin, follower.seq);
    const fromMemory = memory.log.frameAfter(follower.origin, follower.seq);
    assert.equal(fromDisk === undefined, fromMemory === undefined);
    if (fromDisk === undefined || fromMemory === undefined) continue;
    assert.ok(fromDisk.equals(fromMemory));
    const header = decodeFrameHeader(fromDisk);
    assert.equal(header.firstSeq, follower.seq + 1);
    follower.seq += header.count;
    follower.frames++;
  }
  assert.deepEqual(
    followers.map((f) => f.frames),
    [2000, 1000, 2000, 1000, 2000],
  );
});

test('a damaged block is noticed when it is read back', async (t) => {
  const dir = temporaryDirectory(t);
  const { log } = openLog(dir, { tailBytes: 0 });
  log.append([makeFrame(1, 1, 1), makeFrame(1, 2, 1)]);
  const path = join(dir, readdirSync(dir)[0] as string);
  const bytes = readFileSync(path);
  bytes[60] = (bytes[60] as number) ^ 1;
  writeFileSync(path, bytes);
  assert.throws(() => log.frameAfter(1, 0), { code: 'log-corrupt' });
});

// A random history against the obvious model: lists of frames per origin.
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('append' as const),
      frames: fc.array(
        fc.record({
          origin: fc.integer({ min: 1, max: 3 }),
          count: fc.integer({ min: 1, max: 5 }),
          bytes: fc.integer({ min: 1, max: 700 }),
        }),
        { maxLength: 4 },
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('release' as const),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const), tear: fc.nat(40) }) },
);

test('random appends, releases and reopenings keep to the model', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 60 }),
      fc.constantFrom(0, 3000, 1e9),
      async (steps, tailBytes) => {
        const dir = temporaryDirectory(t);
        let { log } = openLog(dir, { tailBytes });
        const held = new Map<number, Buffer[]>([1, 2, 3].map((id) => [id, []]));
        const last = new Map<number, number>([1, 2, 3].map((id) => [id, 0]));
        const released = new Map<number, number>();
        for (const s of steps) {
          if (s.do === 'append') {
            const frames = s.frames.map(({ origin, count, bytes }) => {
              const first = (last.get(origin) as number) + 1;
              last.set(origin, first + count - 1);
              const frame = makeFrame(origin, first, count, bytes);
              held.get(origin)?.push(frame);
              return frame;
            });
            log.append(frames);
          } else if (s.do === 'release') {
            for (const [id, seq] of last)
              released.set(id, Math.max(released.get(id) ?? 0, Math.floor(seq * s.part)));
            log.release(released);
          } else {
            await log.close();
            const file = readdirSync(dir).sort().at(-1);
            if (file !== undefined && s.tear > 0)
              appendFileSync(join(dir, file), makeFrame(1, 1, 1).subarray(0, s.tear));
            ({ log } = openLog(dir, { tailBytes }));
          }
          for (const [origin, frames] of held) {
            const all = last.get(origin) as number;
            for (const seq of [
              released.get(origin) ?? 0,
              Math.floor(((released.get(origin) ?? 0) + all) / 2),
              all,
            ]) {
              const expected = frames.find((f) => {
                const h = decodeFrameHeader(f);
                return h.firstSeq + h.count - 1 > seq;
              });
              const got = log.frameAfter(origin, seq);
              assert.equal(got === undefined, expected === undefined);
              if (got !== undefined && expected !== undefined) assert.ok(got.equals(expected));
              assert.equal(log.pending(origin, seq).ops, all - seq);
            }
            if (log.firstSeq(origin) > 0) assert.equal(log.lastSeq(origin), all);
          }
        }
        await log.close();
        const size = readdirSync(dir).reduce((sum, f) => sum + statSync(join(dir, f)).size, 0);
        assert.equal(log.bytes, size);
      },
    ),
    { numRuns: 60 },
  );
});

test('records appended together are all there or none, wherever a crash cut them', async (t) => {
  const dir = temporaryDirectory(t);
  const { log } = openLog(dir);
  log.append([visible('before')]);
  const kept = log.bytes;
  log.append([makeFrame(1, 1, 2), visible('between'), makeFrame(1, 3, 2)]);
  const whole = log.bytes;
  await log.close();
  const path = join(dir, readdirSync(dir)[0] as string);
  const bytes = readFileSync(path);
  for (let cut = kept; cut <= whole; cut++) {
    writeFileSync(path, bytes.subarray(0, cut));
    const again = openLog(dir);
    const isWhole = cut === whole;
    assert.deepEqual(bodies(again.records), isWhole ? ['before', 'between'] : ['before']);
    assert.equal(again.log.lastSeq(1), isWhole ? 4 : 0, `cut at ${cut}`);
    assert.equal(statSync(path).size, isWhole ? whole : kept);
    await again.log.close();
  }
});

test('the frame of any op is found, in memory and on disk, until its segment is released', async (t) => {
  const dir = temporaryDirectory(t);
  const options = { segmentBytes: 200_000, tailBytes: 20_000 };
  const first = openLog(dir, options);
  const next = [1, 1, 1];
  for (let i = 0; i < 3000; i++) {
    const origin = i % 3;
    const count = 1 + (i % 7);
    // Some are longer than what is read at once.
    first.log.append([
      makeFrame(origin + 1, next[origin] as number, count, i % 500 === 9 ? 9000 : 60),
    ]);
    if (i % 11 === 0) first.log.append([visible('in between')]);
    next[origin] = (next[origin] as number) + count;
  }
  const check = (log: Log) => {
    for (let origin = 1; origin <= 3; origin++) {
      const last = (next[origin - 1] as number) - 1;
      for (let seq = last; seq > 0; seq -= 13) {
        const frame = log.frameWith(origin, seq);
        assert.ok(frame, `op ${seq} of ${origin}`);
        const header = decodeFrameHeader(frame);
        assert.equal(header.origin, origin);
        assert.ok(header.firstSeq <= seq && seq < header.firstSeq + header.count);
      }
      assert.equal(log.frameWith(origin, last + 1), undefined);
      assert.equal(log.frameWith(origin, 0), undefined);
    }
  };
  check(first.log);
  await first.log.close();
  const again = openLog(dir, options);
  check(again.log);
  assert.equal(again.log.frameWith(9, 1), undefined);
  again.log.release(new Map([1, 2, 3].map((origin) => [origin, 2000])));
  assert.equal(again.log.frameWith(1, 1), undefined);
  assert.ok(again.log.frameWith(1, 2001));
  await again.log.close();
});

test('frames are found while the log is still being recovered', async (t) => {
  const dir = temporaryDirectory(t);
  const first = openLog(dir);
  for (let seq = 1; seq <= 300; seq++) first.log.append([makeFrame(1, seq, 1)]);
  await first.log.close();
  const { log, records } = Log.open(dir, {
    segmentBytes: 4096,
    fsync: 'no',
    checkpoint: () => encodeRecord(RecordType.checkpoint, Buffer.from('state')),
    logger: silent,
    tailBytes: 1000,
  });
  let seen = 0;
  for (const record of records) {
    if (record.type !== RecordType.ops) continue;
    seen++;
    assert.equal(
      decodeFrameHeader(log.frameWith(1, 1 + (seen >> 1)) as Buffer).firstSeq,
      1 + (seen >> 1),
    );
  }
  assert.equal(seen, 300);
  await log.close();
});
