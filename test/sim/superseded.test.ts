// What is taken out of a log: an engine that runs what is left shows the same, and nothing of it fails there.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { OpFlag, OpKind } from '../../src/model/op.ts';
import { LiveIndex } from '../../src/replicator/live/live-index.ts';
import {
  decodeFrame,
  type TestOrigin,
  testOrigins,
  testReplicas,
} from '../../src/replicator/live/ops.fixture.ts';
import { supersededOps } from '../../src/replicator/superseded.ts';
import { decodeFrameHeader, withoutOps } from '../../src/wire/frame.ts';
import { ModelEngine } from './model-engine/model-engine.ts';

const REPLICAS = testReplicas();
const NOW_MS = 1_700_000_000_000;

type Write = readonly [by: number, command: string];

interface History {
  readonly frames: readonly Buffer[];
  readonly index: LiveIndex;
}

/** Frames of two origins that know all of each other's, as they follow in a log. */
function history(writes: readonly Write[], sees = true): History {
  const origins = testOrigins() as [TestOrigin, TestOrigin, TestOrigin];
  const index = new LiveIndex(0, 3, () => {});
  const frames = writes.map(([by, command]) => {
    const origin = origins[by] as TestOrigin;
    const frame = origin.frame([command]);
    for (const op of decodeFrame(frame, REPLICAS, by)) {
      index.integrate(op);
      if (sees) for (const other of origins) if (other !== origin) other.sees(op);
    }
    return frame;
  });
  return { frames, index };
}

/** The frames as compaction leaves them. `sealed`: how many of them are complete for good. */
function compacted({ frames, index }: History, sealed = frames.length): Buffer[] {
  const superseded = supersededOps({ replicas: REPLICAS, index });
  const left = frames
    .slice(0, sealed)
    .toReversed()
    .map((frame) => {
      const taken = superseded(frame);
      return taken.size === 0
        ? frame
        : withoutOps(frame, taken, OpKind.superseded, OpFlag.endOfUnit);
    });
  return [...left.reverse(), ...frames.slice(sealed)];
}

const opsOf = (frame: Buffer) =>
  decodeFrame(frame, REPLICAS, REPLICAS.slotOf(decodeFrameHeader(frame).origin) as number);

/** The commands that are left. */
function commands(frames: readonly Buffer[]): string[] {
  return frames
    .flatMap(opsOf)
    .filter(({ kind }) => kind !== OpKind.superseded)
    .map((op) => op.args().join(' '));
}

const left = (writes: readonly Write[], sealed?: number): string[] =>
  commands(compacted(history(writes), sealed));

describe('an op goes', () => {
  test('where a SET of its origin follows, whatever it did to the key', () => {
    assert.deepEqual(
      left([
        [0, 'SET k 1'],
        [0, 'SET k 2'],
      ]),
      ['SET k 2'],
    );
    assert.deepEqual(
      left([
        [0, 'SET k 1'],
        [0, 'INCR k'],
        [0, 'APPEND k x'],
        [0, 'SET k 2'],
      ]),
      ['SET k 2'],
    );
  });

  test('also where that SET is itself replaced by one that is not in the log for good', () => {
    assert.deepEqual(
      left(
        [
          [0, 'SET k 1'],
          [0, 'SET k 2'],
          [0, 'SET k 3'],
        ],
        2,
      ),
      ['SET k 2', 'SET k 3'],
    );
  });

  test('with its place, its time and where its unit ends left', () => {
    const [frame] = compacted(
      history([
        [0, 'SET k 1'],
        [0, 'SET k 2'],
      ]),
    );
    const [whole] = history([[0, 'SET k 1']]).frames;
    const [op] = opsOf(frame as Buffer);
    const [before] = opsOf(whole as Buffer);
    assert.deepEqual(
      [op?.seq, op?.timestamp, op?.endsUnit, op?.bytes],
      [before?.seq, before?.timestamp, true, 0],
    );
  });
});

describe('an op stays', () => {
  const stays = (writes: readonly Write[], sealed?: number): void => {
    assert.deepEqual(
      left(writes, sealed),
      writes.map(([, command]) => command),
    );
  };

  test('where what follows builds on it, or keeps something of it', () => {
    stays([
      [0, 'SET k 1'],
      [0, 'INCR k'],
    ]);
    stays([
      [0, 'SET k 1'],
      [0, 'SET k 2 KEEPTTL'],
    ]);
    stays([
      [0, 'SET k 1'],
      [0, 'SET other 2'],
    ]);
  });

  test('where another origin wrote in between, or last', () => {
    stays([
      [0, 'SET k 1'],
      [1, 'INCR k'],
      [0, 'SET k 2'],
    ]);
    stays([
      [0, 'SET k 1'],
      [1, 'SET k 2'],
    ]);
  });

  test('where the SET could still be lost', () => {
    stays(
      [
        [0, 'SET k 1'],
        [0, 'SET k 2'],
      ],
      1,
    );
  });

  test('where there was a removal, which counts for what it had not seen', () => {
    stays([
      [0, 'SET k 1'],
      [0, 'DEL k'],
      [0, 'SET k 2'],
    ]);
  });

  test('of a list, a stream and a document: places count what is gone', () => {
    stays([
      [0, 'RPUSH k a'],
      [0, 'DEL k'],
      [0, 'SET k 2'],
    ]);
    stays([
      [0, 'XADD k 1-1 f v'],
      [0, 'SET k 2'],
    ]);
  });

  test('where concurrent ops have met on the key', () => {
    const { frames, index } = history(
      [
        [0, 'SET k 1'],
        [1, 'SET k 2'],
        [0, 'SET k 3'],
      ],
      false,
    );
    assert.equal(commands(compacted({ frames, index })).length, 3);
  });

  test('that every member has', () => {
    const made = history([
      [0, 'SET k 1'],
      [0, 'SET k 2'],
      [0, 'SET k 3'],
    ]);
    made.index.stabilise(Float64Array.of(1, 0, 0));
    assert.deepEqual(commands(compacted(made)), ['SET k 1', 'SET k 3']);
  });
});

test('what is left runs wherever all of it would, and shows the same', () => {
  const key = fc.constantFrom('a', 'b', 'c');
  const command = fc.oneof(
    { weight: 6, arbitrary: fc.tuple(key, fc.nat(9)).map(([k, v]) => `SET ${k} ${v}`) },
    key.map((k) => `SET ${k} 7 KEEPTTL`),
    key.map((k) => `SET ${k} 8 PXAT ${NOW_MS + 60_000}`),
    key.map((k) => `INCRBY ${k} 3`),
    key.map((k) => `DEL ${k}`),
    key.map((k) => `SADD ${k} m`),
    key.map((k) => `HSET ${k} f v`),
    key.map((k) => `PEXPIREAT ${k} ${NOW_MS + 90_000}`),
  );
  const write = fc.tuple(fc.nat(1), command);
  let taken = 0;
  fc.assert(
    fc.property(fc.array(write, { maxLength: 40 }), fc.nat(40), (tried, sealed) => {
      const live = new ModelEngine({ seed: 1 });
      const client = live.connect();
      const run = (text: string) => live.execute(client, text.split(' '), NOW_MS);
      // Only what an engine has run is in a log.
      const writes = tried.filter(([, text]) => run(text).kind !== 'error');
      const made = history(writes);
      const rest = commands(compacted(made, Math.min(sealed, writes.length)));
      taken += writes.length - rest.length;
      const other = new ModelEngine({ seed: 2 });
      const follower = other.connect();
      for (const text of rest) {
        assert.notEqual(other.execute(follower, text.split(' '), NOW_MS).kind, 'error', text);
      }
      assert.deepEqual(other.dump(NOW_MS), live.dump(NOW_MS));
    }),
    { numRuns: 500 },
  );
  assert.ok(taken > 100, `${taken} ops`);
});
