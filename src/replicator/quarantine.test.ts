import assert from 'node:assert/strict';
import { appendFileSync } from 'node:fs';
import { test } from 'node:test';
import { HybridClock } from '../model/clock.ts';
import { OpKind } from '../model/op.ts';
import { encodeStrings } from '../resp/encode.ts';
import { FrameWriter, sealFrame } from '../wire/frame.ts';
import { temporaryDirectory } from './log/frames.fixture.ts';
import { opsBeyond, quarantineFile, readQuarantine, writeQuarantine } from './quarantine.ts';

const AT_MS = Date.UTC(2026, 0, 1);
const ORIGIN = 7;

/** Frames of two ops each, from sequence 1 on. */
function framesOf(commands: readonly (readonly [OpKind, ...string[]])[]) {
  const writer = new FrameWriter(ORIGIN);
  const clock = new HybridClock();
  const frames: { last: number; bytes: Buffer }[] = [];
  for (let i = 0; i < commands.length; i += 2) {
    const two = commands.slice(i, i + 2);
    writer.begin([], i + 1, clock.take(AT_MS, two.length), AT_MS, 1000);
    for (const [kind, ...args] of two) {
      const raw = encodeStrings(args);
      const key = args[1] as string;
      writer.add(kind, 0, raw.indexOf(key, 0, 'latin1'), key.length, raw, 0, raw.length);
    }
    frames.push({ last: i + two.length, bytes: sealFrame(writer.end(0)) });
  }
  return {
    frameAfter: (origin: number, seq: number) =>
      origin === ORIGIN ? frames.find(({ last }) => last > seq)?.bytes : undefined,
  };
}

test('what nobody else has is kept in order, also from the midst of a frame, and read back', (t) => {
  const frames = framesOf([
    [OpKind.set, 'SET', 'known', '1'],
    [OpKind.set, 'SET', 'k\xff', 'two\r\n'],
    [OpKind.del, 'DEL', 'list', '12'],
    [OpKind.zretain, 'ZRETAIN', 'z', 'm'],
    [OpKind.incr, 'INCRBY', 'c', '5'],
  ]);
  const dir = temporaryDirectory(t);
  assert.equal(writeQuarantine(dir, opsBeyond(frames, ORIGIN, 1)), 4);
  const ops = readQuarantine(quarantineFile(dir));
  assert.deepEqual(
    ops.map(({ seq, key, command }) => [seq, key, command]),
    [
      [2, 'k\xff', ['SET', 'k\xff', 'two\r\n']],
      [3, 'list', ['DEL', 'list']],
      [4, 'z', undefined],
      [5, 'c', ['INCRBY', 'c', '5']],
    ],
  );
  assert.equal(Math.floor(ops[0]?.atMs ?? 0), AT_MS);
  assert.deepEqual([...opsBeyond(frames, ORIGIN, 5)], []);
});

test('a damaged line is named, and no file is no quarantine', (t) => {
  const dir = temporaryDirectory(t);
  assert.throws(() => readQuarantine(quarantineFile(dir)), { code: 'QUARANTINE_NONE' });
  writeQuarantine(dir, []);
  appendFileSync(quarantineFile(dir), '{"seq":1}\n');
  assert.throws(() => readQuarantine(quarantineFile(dir)), { code: 'QUARANTINE_DAMAGED' });
});
