import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CellState, stateOf } from '../live/cell.ts';
import { CellTable } from '../live/cells.ts';
import { effectOf, type ValueClass } from '../live/effect.ts';
import { type TestOrigin, testOrigins } from '../live/ops.fixture.ts';
import {
  batched,
  buildCommands,
  clampInteger,
  formatScore,
  parseScore,
  scoreOf,
  textOf,
} from './values.ts';

const NOW_MS = 1000;

/** The table that these commands make, each of an origin of its own, at rising times. */
function tableOf(...commands: string[]): CellTable {
  const table = new CellTable();
  testOrigins(commands.length).forEach((origin: TestOrigin, i) => {
    const op = origin.write(commands[i] as string, { at: i + 1 });
    table.integrate(op, effectOf(op));
  });
  return table;
}

function stateAfter(valueClass: ValueClass, name: string, ...commands: string[]): CellState {
  return stateOf(tableOf(...commands).cell(valueClass, name));
}

const string = (...commands: string[]) => textOf(stateAfter('string', '', ...commands));
const score = (...commands: string[]) => scoreOf(stateAfter('zset', 'm', ...commands));

test('an assign shows as it was written', () => {
  assert.equal(string('SET k 007'), '007');
  assert.equal(score('ZADD k 1e3 m'), '1e3');
});

test('increments without an assign add up from nothing', () => {
  assert.equal(string('INCRBY k 3', 'DECRBY k 5'), '-2');
  assert.equal(string('INCRBYFLOAT k 0.1', 'INCRBYFLOAT k 0.2'), '0.3');
  assert.equal(score('ZINCRBY k 3 m', 'ZINCRBY k -5 m'), '-2');
});

test('increments add to the assign', () => {
  assert.equal(string('SET k 40', 'INCR k', 'INCR k'), '42');
  assert.equal(score('ZADD k 1.5 m', 'ZINCRBY k 1 m'), '2.5');
});

test('what is no number shows as it is, whatever was added', () => {
  assert.equal(string('SET k text', 'INCR k'), 'text');
});

test('nothing shows where nothing is left', () => {
  assert.equal(textOf({ winner: undefined, increments: [] }), undefined);
  assert.equal(scoreOf({ winner: undefined, increments: [] }), undefined);
});

test('opposite infinities show 0, as nothing that the engine would accept', () => {
  assert.equal(score('ZADD k inf m', 'ZINCRBY k -inf m'), '0');
  assert.equal(score('ZADD k inf m', 'ZINCRBY k 5 m'), 'inf');
});

test('integers are clamped to 64 bits', () => {
  assert.equal(clampInteger(2n ** 63n), '9223372036854775807');
  assert.equal(clampInteger(-(2n ** 64n)), '-9223372036854775808');
  assert.equal(clampInteger(-5n), '-5');
});

test('a score is read back as the same double', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true }), (value) => {
      assert.equal(parseScore(formatScore(value)) + 0, value + 0);
    }),
  );
  for (const text of ['inf', '+inf', 'Infinity', '-INF']) {
    assert.ok(!Number.isFinite(parseScore(text)) && !Number.isNaN(parseScore(text)), text);
  }
});

test('a value is built from its contributions, from nothing', () => {
  const built = (valueClass: ValueClass, ...commands: string[]) =>
    buildCommands('k', tableOf(...commands), valueClass, NOW_MS)?.map((args) => args.join(' '));
  assert.deepEqual(built('set', 'SADD k a', 'SADD k b'), ['SADD k a b']);
  assert.deepEqual(built('hash', 'HSET k f 1', 'HINCRBY k f 2', 'HSET k g x'), ['HSET k f 3 g x']);
  assert.deepEqual(built('zset', 'ZADD k 1 a', 'ZINCRBY k 2 b'), ['ZADD k 1 a 2 b']);
  assert.deepEqual(built('string', 'SET k 5', 'INCR k'), ['SET k 6']);
  assert.deepEqual(built('opaque', 'RESTORE k 0 dump REPLACE ABSTTL'), [
    'RESTORE k 0 dump REPLACE',
  ]);
  assert.deepEqual(built('set', 'HSET k f 1'), []);
});

test('what only its origin knows cannot be built', () => {
  assert.equal(buildCommands('k', tableOf('APPEND k a'), 'opaque', NOW_MS), undefined);
});

test('long argument lists are split between groups, and lose nothing', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 1500 }),
      fc.integer({ min: 1, max: 3 }),
      (groups, step) => {
        const args = Array.from({ length: groups * step }, (_, i) => String(i));
        const commands = batched(['X', 'k'], args, step);
        assert.deepEqual(
          commands.flatMap((command) => command.slice(2)),
          args,
        );
        for (const command of commands) {
          assert.deepEqual(command.slice(0, 2), ['X', 'k']);
          assert.equal((command.length - 2) % step, 0);
          assert.ok(command.length <= 1002);
        }
      },
    ),
    { numRuns: 40 },
  );
});
