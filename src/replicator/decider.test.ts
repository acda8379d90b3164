// What must be asked of the engine before a batch is decided, and what is decided with the answers: on keys that
// concurrent ops have given several types.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Attempt } from './apply/applier.ts';
import { Decider } from './decider.ts';
import { LiveIndex } from './live/live-index.ts';
import type { LiveOp } from './live/live-op.ts';
import type { Measurement } from './live/live-value.ts';
import { commandsIn, received, type TestOrigin, testOrigins } from './live/ops.fixture.ts';

const NOW_MS = 1000;

/** The first of three members, which has seen `before`. */
function memberWith(...before: readonly LiveOp[]): { index: LiveIndex; decider: Decider } {
  const index = new LiveIndex(0, 3, () => {});
  for (const op of before) index.integrate(received(op));
  return { index, decider: new Decider(index) };
}

function attemptOf(ops: readonly LiveOp[], measured?: Measurement): Attempt {
  return {
    batch: { slot: 2, ops: ops.map(received), settle: new Map() },
    refusals: 0,
    holds: false,
    measuring: [],
    measured: new Map(measured === undefined ? [] : [['k', measured]]),
    fence: 0,
    decidedAt: 0,
    owners: [],
    commands: Buffer.alloc(0),
  };
}

/** What the engine is told, without scripts; undefined: something must be measured first. */
function decided(decider: Decider, attempt: Attempt): string[] | undefined {
  const outcome = decider.decide(attempt, new Map(), 0, NOW_MS);
  if (outcome === undefined) return undefined;
  return commandsIn(outcome.commands).map((args) =>
    (args[0] === 'EVAL' ? args.slice(3) : args).join(' '),
  );
}

function three(): [TestOrigin, TestOrigin, TestOrigin] {
  return testOrigins() as [TestOrigin, TestOrigin, TestOrigin];
}

describe('a batch that writes a list where another type shows', () => {
  test('is decided with the length of what is no list, whatever else it writes first', () => {
    const [a, , c] = three();
    const { decider } = memberWith(a.write('HSET k f v', { at: 1 }));
    const ops = [c.write('ZRETAIN k', { at: 2 }), c.write('RPUSH k x', { at: 3 })];
    assert.deepEqual(decider.toMeasure(attemptOf(ops).batch), [
      { key: 'k', length: true, document: false },
    ]);
    assert.deepEqual(decided(decider, attemptOf(ops, { length: 0 })), ['k 1 3 RPUSH k x']);
  });

  test('is not decided while the length is not known, whatever else it writes first', () => {
    const [a, , c] = three();
    const { decider } = memberWith(a.write('HSET k f v', { at: 1 }));
    const ops = [c.write('ZRETAIN k', { at: 2 }), c.write('RPUSH k x', { at: 3 })];
    assert.equal(decided(decider, attemptOf(ops)), undefined);
  });

  test('and had seen all that is alive by then is decided so too', () => {
    const [a, , c] = three();
    const mine = a.write('SADD k m', { at: 1 });
    const { decider } = memberWith(mine);
    const ops = [c.write('HSET k f v', { at: 2 }), c.sees(mine).write('RPUSH k x', { at: 3 })];
    assert.equal(decided(decider, attemptOf(ops)), undefined);
    const commands = decided(decider, attemptOf(ops, { length: 0 })) ?? [];
    assert.equal(commands.at(-1), 'k 1 3 RPUSH k x');
  });
});

test('a document is written where others had seen the key emptied and write what has no rule', () => {
  const [a, b, c] = three();
  const opaque = b.write('SETRANGE k 0 28', { at: 1 });
  const set = a.write('SET k 3', { at: 2 });
  const { decider } = memberWith(opaque, set);
  const ops = [c.write(['JSON.SET', 'k', '$', '{"a":1}'], { at: 3 })];
  assert.deepEqual(decided(decider, attemptOf(ops)), ['k 1 4 JSON.SET k $ {"a":1}']);
});

describe('ops that have observed all that is alive on a key of two types', () => {
  test('replace what shows, which their origin did not show', () => {
    const [a, b, c] = three();
    const [hidden, shown] = [a.write('SADD k old', { at: 1 }), b.write('SET k v', { at: 2 })];
    const { decider } = memberWith(hidden, shown);
    const op = c.sees(hidden, shown).write('HSET k f v', { at: 3 });
    assert.deepEqual(decided(decider, attemptOf([op])), ['k 1 4 HSET k f v']);
  });

  test('are their own commands behind one that has removed it', () => {
    const [a, b, c] = three();
    const [hidden, shown] = [a.write('PFADD k old', { at: 1 }), b.write('SET k v', { at: 2 })];
    const { decider } = memberWith(hidden, shown);
    const ops = [c.sees(hidden, shown).write('DEL k', { at: 3 }), c.write('PFADD k new')];
    assert.deepEqual(decided(decider, attemptOf(ops)), ['UNLINK k', 'PFADD k new']);
  });
});

test('an expiry that outlived its key is set again when the key comes back', () => {
  const [a, b] = three();
  const timed = a.write('SET k v PXAT 900000');
  const { decider } = memberWith(timed, a.write('PFADD k mine'), b.write('DEL k'));
  const added = b.write('PFADD k yours');
  assert.deepEqual(decided(decider, attemptOf([added])), ['PFADD k yours', 'PEXPIREAT k 900000']);
});
