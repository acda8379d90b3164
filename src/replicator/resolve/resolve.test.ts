import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OpFlag } from '../../model/op.ts';
import { CommandWriter } from '../../resp/command-writer.ts';
import { KeyEntry } from '../live/key-entry.ts';
import { LiveIndex } from '../live/live-index.ts';
import type { LiveOp } from '../live/live-op.ts';
import { commandsIn, received, type TestOrigin, testOrigins } from '../live/ops.fixture.ts';
import { resolve, writeVerbatim } from './resolve.ts';
import { REBUILD_SCRIPT, RETAIN_SCRIPT } from './scripts.ts';
import { writeSettled } from './settled.ts';

const NOW_MS = 1000;
const LATER_MS = 1_000_000;

/** A command as one line; the replicator's scripts by name. */
function readable(args: string[]): string {
  const [name, script] = args;
  if (name !== 'EVAL') return args.join(' ');
  if (script === REBUILD_SCRIPT) return ['REBUILD', ...args.slice(3)].join(' ');
  if (script === RETAIN_SCRIPT) return ['RETAIN', ...args.slice(3)].join(' ');
  return args.join(' ');
}

/** What the engine must do for `op`, where `before` have been delivered. */
function resolved(before: LiveOp[], op: LiveOp): string[] {
  const out = new CommandWriter();
  resolve(received(op), entryOf(before, op.key), out, NOW_MS);
  return commandsIn(out.take()).map(readable);
}

/** Without changes of the expiry: setting again what shows already is harmless. */
function values(commands: string[]): string[] {
  return commands.filter((command) => !/^(PERSIST|PEXPIREAT) /.test(command));
}

function entryOf(before: LiveOp[], key: string): KeyEntry {
  const index = new LiveIndex(0, 3, () => {});
  for (const op of before) index.integrate(received(op));
  return index.get(key)?.fork() ?? new KeyEntry(key);
}

function verbatim(op: LiveOp): string[] {
  const out = new CommandWriter();
  writeVerbatim(op, out, NOW_MS);
  return commandsIn(out.take()).map(readable);
}

function settled(before: LiveOp[]): string[] {
  const out = new CommandWriter();
  writeSettled(entryOf(before, 'k'), 'value and expiry', out, NOW_MS);
  return commandsIn(out.take()).map(readable);
}

function three(): [TestOrigin, TestOrigin, TestOrigin] {
  return testOrigins() as [TestOrigin, TestOrigin, TestOrigin];
}

describe('nothing concurrent on the key', () => {
  test('an op is its own command, byte for byte', () => {
    const commands = [
      'SET k v',
      'INCRBY k 3',
      'HSET k f v',
      'SADD k a b',
      'ZADD k 1 m',
      'APPEND k x',
    ];
    for (const command of commands) {
      const [a] = three();
      assert.deepEqual(resolved([], a.write(command)), [command]);
      assert.deepEqual(verbatim(three()[0].write(command)), [command]);
    }
  });

  test('bytes that are no text pass unchanged', () => {
    const value = '\x00\xff\r\n\x80';
    assert.deepEqual(resolved([], three()[0].write(['SET', 'k', value])), [`SET k ${value}`]);
  });

  test('an op that has observed all before it is its own command', () => {
    const [a, b] = three();
    const first = a.write('SET k 1');
    assert.deepEqual(resolved([first], b.sees(first).write('APPEND k 2')), ['APPEND k 2']);
  });

  test('DEL is said as UNLINK, so that its echo is told from an expiry', () => {
    assert.deepEqual(verbatim(three()[0].write('DEL k')), ['UNLINK k']);
  });

  test('ZRETAIN, which engines do not know, is a script', () => {
    assert.deepEqual(verbatim(three()[0].write('ZRETAIN k a b')), ['RETAIN k a b']);
  });

  test('an expiry that is already past is set a little ahead, lest the batch lose the key', () => {
    assert.deepEqual(verbatim(three()[0].write('PEXPIREAT k 7')), ['PEXPIREAT k 2000']);
    assert.deepEqual(verbatim(three()[0].write('SET k v PXAT 7')), ['SET k v PXAT 2000']);
    assert.deepEqual(verbatim(three()[0].write('RESTORE k 7 dump REPLACE ABSTTL')), [
      'RESTORE k 2000 dump REPLACE ABSTTL',
    ]);
  });

  test('an expiry that lies ahead stays as it is', () => {
    assert.deepEqual(verbatim(three()[0].write(`PEXPIREAT k ${LATER_MS}`)), [
      `PEXPIREAT k ${LATER_MS}`,
    ]);
    const lasting = 'RESTORE k 0 dump REPLACE ABSTTL';
    assert.deepEqual(verbatim(three()[0].write(lasting)), [lasting]);
  });
});

describe('assigns', () => {
  test('the newer SET wins and is written, the older one changes nothing', () => {
    const [a, b] = three();
    const older = a.write('SET k older', { at: 1 });
    const newer = b.write('SET k newer', { at: 2 });
    assert.deepEqual(values(resolved([older], newer)), ['SET k newer']);
    assert.deepEqual(values(resolved([newer], older)), []);
  });

  test('of SETs at the same instant that of the greater replica id wins', () => {
    const [a, b] = three();
    const one = a.write('SET k one', { at: 1 });
    const two = b.write('SET k two', { at: 1 });
    assert.deepEqual(values(resolved([one], two)), ['SET k two']);
    assert.deepEqual(values(resolved([two], one)), []);
  });

  test('fields are assigned one by one: only those that win are written', () => {
    const [a, b] = three();
    const mine = a.write('HSET k f mine', { at: 5 });
    assert.deepEqual(resolved([mine], b.write('HSET k f theirs g theirs', { at: 1 })), [
      'HSET k g theirs',
    ]);
  });

  test('scores are assigned member by member', () => {
    const [a, b] = three();
    const mine = a.write('ZADD k 1 x 1 y', { at: 5 });
    assert.deepEqual(resolved([mine], b.write('ZADD k 2 y 3 z', { at: 9 })), ['ZADD k 2 y 3 z']);
    assert.deepEqual(resolved([mine], three()[1].write('ZADD k 2 y 3 z', { at: 1 })), [
      'ZADD k 3 z',
    ]);
  });
});

describe('increments', () => {
  test('concurrent increments all count: each is its own command', () => {
    const [a, b] = three();
    assert.deepEqual(resolved([a.write('INCRBY k 5')], b.write('INCRBY k 7')), ['INCRBY k 7']);
    assert.deepEqual(resolved([a.write('HINCRBY h f 5')], b.write('HINCRBY h f 7')), [
      'HINCRBY h f 7',
    ]);
    assert.deepEqual(resolved([a.write('ZINCRBY z 5 m')], b.write('ZINCRBY z 7 m')), [
      'ZINCRBY z 7 m',
    ]);
  });

  test('an increment adds to the assign that it had not seen, whoever was first', () => {
    const [a, b] = three();
    const set = a.write('SET k 10', { at: 5 });
    const incr = b.write('INCRBY k 7', { at: 1 });
    assert.deepEqual(resolved([set], incr), ['INCRBY k 7']);
    assert.equal(values(resolved([incr], set)).at(-1), 'SET k 17 KEEPTTL');
  });

  test('an increment that had been seen by an assign is gone with it', () => {
    const [a, b, c] = three();
    const incr = a.write('INCRBY k 7');
    const set = b.sees(incr).write('SET k 10');
    assert.deepEqual(values(resolved([c.write('INCR k'), incr], set)).at(-1), 'SET k 11 KEEPTTL');
  });

  test('DEL concurrent with INCR leaves 1', () => {
    const [a, b] = three();
    const base = a.write('SET k 41');
    const incr = b.sees(base).write('INCR k');
    const del = a.write('DEL k');
    assert.deepEqual(resolved([base, del], incr), ['INCR k']);
    assert.deepEqual(resolved([base, incr], del), ['REBUILD k 1 3 SET k 1']);
  });

  test('ZREM concurrent with ZINCRBY 2 on 4.1 leaves 2', () => {
    const [a, b] = three();
    const base = a.write('ZADD k 4.1 m');
    const incr = b.sees(base).write('ZINCRBY k 2 m');
    assert.deepEqual(resolved([base, incr], a.write('ZREM k m')), ['ZADD k 2 m']);
  });

  test('HDEL concurrent with HINCRBY leaves the increment', () => {
    const [a, b] = three();
    const base = a.write('HSET k f 40');
    const incr = b.sees(base).write('HINCRBY k f 2');
    assert.deepEqual(resolved([base, incr], a.write('HDEL k f')), ['HSET k f 2']);
  });

  test('floats and integers add up exactly', () => {
    const [a, b] = three();
    const set = a.write('SET k 0.1', { at: 9 });
    const float = b.write('INCRBYFLOAT k 0.2');
    assert.deepEqual(resolved([set], float), ['INCRBYFLOAT k 0.2']);
    assert.equal(values(resolved([float], set)).at(-1), 'SET k 0.3 KEEPTTL');
  });

  test('INCRBY beside a fraction that it had not seen becomes INCRBYFLOAT', () => {
    const [a, b] = three();
    const float = a.write('INCRBYFLOAT k 0.5');
    assert.deepEqual(resolved([float], b.write('INCRBY k 2')), ['INCRBYFLOAT k 2']);
  });

  test('a sum beyond 64 bits is clamped, the same everywhere', () => {
    const [a, b] = three();
    const set = a.write('SET k 9223372036854775800', { at: 9 });
    const over = resolved([b.write('INCRBY k 100')], set);
    assert.equal(values(over).at(-1), 'SET k 9223372036854775807 KEEPTTL');
    const low = three();
    const negative = low[0].write('SET k -9223372036854775800', { at: 9 });
    const under = resolved([low[1].write('DECRBY k 100')], negative);
    assert.equal(values(under).at(-1), 'SET k -9223372036854775808 KEEPTTL');
  });

  test('an increment of what a newer assign made no number changes nothing that shows', () => {
    const [a, b] = three();
    const text = a.write('SET k text', { at: 9 });
    assert.deepEqual(resolved([text], b.write('INCRBY k 7')), []);
  });
});

describe('adds and removes', () => {
  test('a remove takes only members whose adds it had seen', () => {
    const [a, b, c] = three();
    const base = a.write('SADD k x y');
    const again = c.sees(base).write('SADD k x');
    assert.deepEqual(resolved([base, again], b.sees(base).write('SREM k x y')), ['SREM k y']);
  });

  test('an add that a remove had not seen survives, whoever was first', () => {
    const [a, b] = three();
    const base = a.write('SADD k x');
    const remove = b.sees(base).write('SREM k x');
    assert.deepEqual(resolved([base, remove], a.write('SADD k x')), ['SADD k x']);
  });

  test('DEL leaves what it had not seen of a set, a hash and a sorted set', () => {
    const cases: [string, string, string][] = [
      ['SADD k x', 'SADD k y', 'REBUILD k 1 3 SADD k y'],
      ['HSET k f 1', 'HSET k g 2', 'REBUILD k 1 4 HSET k g 2'],
      ['ZADD k 1 x', 'ZADD k 2 y', 'REBUILD k 1 4 ZADD k 2 y'],
      ['SET k old', 'SET k new', 'REBUILD k 1 3 SET k new'],
    ];
    for (const [seen, unseen, expected] of cases) {
      const [a, b, c] = three();
      const base = a.write(seen);
      const survivor = c.sees(base).write(unseen);
      const [rebuild] = resolved([base, survivor], b.sees(base).write('DEL k'));
      assert.equal(rebuild, expected);
    }
  });

  test('DEL that had seen everything removes the key', () => {
    const [a, b] = three();
    const [one, two] = [a.write('SADD k x'), b.write('SADD k y')];
    assert.deepEqual(resolved([one, two], a.sees(two).write('DEL k')), ['UNLINK k']);
  });

  test('DEL of a value that is written anew does not keep the time to live', () => {
    const [a, b, c] = three();
    const base = a.write('SADD k x');
    const survivor = c.sees(base).write('SADD k y');
    const del = b.sees(base).write('DEL k', { replaced: true });
    assert.deepEqual(resolved([base, survivor], del), ['REBUILD k 0 3 SADD k y']);
  });

  test('ZRETAIN spares members that were added concurrently', () => {
    const [a, b, c] = three();
    const base = a.write('ZADD k 1 x 2 y');
    const added = c.sees(base).write('ZADD k 3 z');
    const [retain] = resolved([base, added], b.sees(base).write('ZRETAIN k y'));
    assert.equal(retain, 'RETAIN k y z');
  });

  test('a score that was assigned anew concurrently survives the removal of the old one', () => {
    const [a, b, c] = three();
    const base = a.write('ZADD k 5 x');
    const raised = c.sees(base).write('ZADD k 9 x');
    const remove = b.sees(base).write('ZREM k x');
    assert.deepEqual(resolved([base, raised], remove), []);
    assert.deepEqual(resolved([base, remove], raised), ['ZADD k 9 x']);
  });
});

describe('types', () => {
  test('the newer of two types is built in place of the older', () => {
    const [a, b] = three();
    const hash = a.write('HSET k f v', { at: 1 });
    assert.deepEqual(resolved([hash], b.write('SADD k m', { at: 2 })), ['REBUILD k 1 3 SADD k m']);
  });

  test('the older of two types stays hidden', () => {
    const [a, b] = three();
    const set = a.write('SADD k m', { at: 2 });
    assert.deepEqual(resolved([set], b.write('HSET k f v', { at: 1 })), []);
  });

  test('the hidden type shows again when the newer one is removed', () => {
    const [a, b, c] = three();
    const hash = a.write('HSET k f v', { at: 1 });
    const set = b.write('SADD k m', { at: 2 });
    const [rebuild] = resolved([hash, set], c.sees(set).write('DEL k'));
    assert.equal(rebuild, 'REBUILD k 1 4 HSET k f v');
  });

  test('a SET that is older than another type changes nothing', () => {
    const [a, b] = three();
    const set = a.write('SADD k m', { at: 2 });
    const commands = resolved([set], b.write('SET k v', { at: 1 }));
    assert.ok(!commands.some((command) => command.startsWith('SET ')), commands.join('; '));
  });
});

describe('expiry', () => {
  /** What shows after these commands. Setting again what shows already is harmless. */
  const expiryAfter = (shown: number | undefined, commands: string[]): number | undefined => {
    for (const [name, , time] of commands.map((command) => command.split(' '))) {
      if (name === 'PERSIST') shown = undefined;
      else if (name === 'PEXPIREAT') shown = Number(time);
      else assert.fail(`${name} is no change of an expiry`);
    }
    return shown;
  };

  test('the longer of concurrent expiries counts, whoever was first', () => {
    const [a, b] = three();
    const short = a.write(`PEXPIREAT k ${LATER_MS}`);
    const long = b.write(`PEXPIREAT k ${2 * LATER_MS}`);
    assert.equal(expiryAfter(LATER_MS, resolved([short], long)), 2 * LATER_MS);
    assert.equal(expiryAfter(2 * LATER_MS, resolved([long], short)), 2 * LATER_MS);
  });

  test('no expiry is the longest of all', () => {
    const [a, b] = three();
    const long = a.write(`PEXPIREAT k ${LATER_MS}`);
    const never = b.write('PERSIST k');
    assert.equal(expiryAfter(LATER_MS, resolved([long], never)), undefined);
    assert.equal(expiryAfter(undefined, resolved([never], long)), undefined);
  });

  test('a plain SET keeps a concurrent expiry from ending it', () => {
    const [a, b] = three();
    const set = a.write('SET k v', { at: 9 });
    const expire = b.write(`PEXPIREAT k ${LATER_MS}`);
    assert.equal(expiryAfter(undefined, resolved([set], expire)), undefined);
  });

  test('DEL that had not seen a change of the expiry leaves the key alone', () => {
    const [a, b] = three();
    const base = a.write('SET k v');
    const extended = a.write(`PEXPIREAT k ${LATER_MS}`);
    assert.deepEqual(resolved([base, extended], b.sees(base).write('DEL k')), []);
  });

  test('DEL that had seen the change removes the key', () => {
    const [a, b] = three();
    const base = a.write('SET k v');
    const extended = a.write(`PEXPIREAT k ${LATER_MS}`);
    assert.deepEqual(resolved([base, extended], b.sees(base, extended).write('DEL k')), [
      'UNLINK k',
    ]);
  });

  test('a DEL that was held back takes effect when what protected the key is gone', () => {
    const [a, b, c] = three();
    const base = a.write('SET k v');
    const extended = a.write(`PEXPIREAT k ${LATER_MS}`);
    const unaware = b.sees(base).write('DEL k');
    const aware = c.sees(base, extended).write('DEL k');
    assert.equal(resolved([base, extended, unaware], aware).at(-1), 'UNLINK k');
  });
});

describe('whole values and commands without a rule', () => {
  test('RESTORE that is newest is written as it is', () => {
    const [a, b] = three();
    const list = a.write('APPEND k x', { at: 1 });
    const restore = 'RESTORE k 0 dump REPLACE ABSTTL';
    assert.equal(resolved([list], b.write(restore, { at: 2 }))[0], restore);
  });

  test('a concurrent command without a rule is not run: its origin asserts the value', () => {
    const [a, b] = three();
    const mine = a.write('APPEND k x', { at: 1 });
    const commands = resolved([mine], b.write('APPEND k y', { at: 2 }));
    assert.ok(!commands.some((command) => command.startsWith('APPEND')), commands.join('; '));
  });

  test('a whole value that was asserted is replaced by nothing older', () => {
    const [a, b] = three();
    const asserted = a.write('RESTORE k 0 dump REPLACE ABSTTL', { at: 9 });
    const commands = resolved([asserted], b.write('RESTORE k 0 other REPLACE ABSTTL', { at: 1 }));
    assert.ok(!commands.some((command) => command.includes('other')), commands.join('; '));
  });
});

describe('settling a key', () => {
  test('writes what the live contributions say, whatever the engine shows', () => {
    const [a, b] = three();
    const [set, incr] = [a.write('SET k 10', { at: 5 }), b.write('INCRBY k 7')];
    const commands = settled([set, incr]);
    assert.match(commands[0] ?? 'nothing', /SET k 17/);
  });

  test('leaves alone what rests on a value that is not known here', () => {
    const [a, b] = three();
    assert.deepEqual(settled([a.write('INCRBY k 5'), b.write('INCRBY k 7')]), []);
  });
});

describe('an expiry that was only stated again', () => {
  const restate = (by: TestOrigin): LiveOp => {
    const op = by.write('PEXPIREAT k 900000');
    op.flags |= OpFlag.restated;
    return op;
  };

  test('goes with a DEL that had not seen it, also where a value survives', () => {
    const [a, b] = three();
    const [added, restated, removal] = [a.write('SADD k x'), restate(a), b.write('DEL k')];
    assert.deepEqual(resolved([added, restated], removal), ['REBUILD k 1 3 SADD k x', 'PERSIST k']);
    assert.deepEqual(resolved([added, removal], restated), ['PERSIST k']);
  });

  test('takes along what it had observed', () => {
    const [a, b, c] = three();
    const [added, expire] = [a.write('SADD k x'), c.write('PEXPIREAT k 800000')];
    const removal = b.write('DEL k');
    const restated = restate(a.sees(expire));
    assert.deepEqual(resolved([added, removal, expire], restated), ['PERSIST k']);
    assert.deepEqual(resolved([added, expire, removal], restated), [
      'PERSIST k',
      'REBUILD k 1 3 SADD k x',
    ]);
  });
});

test('an op takes the place of another type that its origin had observed and did not show', () => {
  const [a, b] = three();
  const hidden = a.write('INCRBY k -4');
  const [bit, removal] = [b.write('SETBIT k 1 1'), b.write('DEL k', { replaced: true })];
  const added = b.sees(hidden).write('SADD k x');
  assert.deepEqual(resolved([hidden, bit, removal], added), ['REBUILD k 1 3 SADD k x']);
});
