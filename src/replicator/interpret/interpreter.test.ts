import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { OpFlag, OpKind } from '../../model/op.ts';
import { Command } from '../../resp/command.ts';
import { encodeStrings } from '../../resp/encode.ts';
import { StreamParser } from '../../resp/stream-parser.ts';
import { type Path, renderPath } from '../live/json/json-path.ts';
import { Interpreter, type KeyPositions } from './interpreter.ts';
import type { JsonPurpose } from './json-rules.ts';
import { Shadows } from './shadows.ts';
import type { OpSink } from './sink.ts';
import { SortedMembers } from './sorted-members.ts';
import type { StreamEvents } from './stream-rules.ts';

const KIND_NAMES = new Map(Object.entries(OpKind).map(([name, kind]) => [kind as number, name]));

function argsOf(command: Command): string[] {
  return Array.from({ length: command.argc }, (_, i) => command.arg(i));
}

/** Writes down what comes out, one line each. */
class RecordingSink implements OpSink {
  lines: string[] = [];

  verbatim(kind: OpKind, command: Command, keyIndex: number): void {
    const key = command.arg(keyIndex);
    this.lines.push(`${KIND_NAMES.get(kind)} of ${key}: ${argsOf(command).join(' ')}`);
  }

  rewritten(kind: OpKind, args: readonly string[], flags = 0): void {
    const flagged = flags === 0 ? '' : ` (flags ${flags})`;
    this.lines.push(`${KIND_NAMES.get(kind)} of ${args[1]}: ${args.join(' ')}${flagged}`);
  }

  message(command: Command): void {
    this.lines.push(`message ${argsOf(command).join(' ')}`);
  }

  readWhole(key: string): void {
    this.lines.push(`read ${key}`);
  }

  readFields(key: string, names: readonly string[]): void {
    this.lines.push(`read fields of ${key}: ${names.join(' ')}`);
  }

  readLibraries(): void {
    this.lines.push('read libraries');
  }

  readUnion(key: string): void {
    this.lines.push(`read union ${key}`);
  }

  readMembers(key: string): void {
    this.lines.push(`read members of ${key}`);
  }

  readScores(key: string, members: readonly string[]): void {
    this.lines.push(`read scores of ${key}: ${members.join(' ')}`);
  }

  readDocument(key: string, fields: readonly string[], indexing: readonly string[]): void {
    this.lines.push(`read ${fields.join(' ')} of ${key}, then ${indexing.join(' ')}`);
  }

  readJson(key: string, path: Path, purpose: JsonPurpose): void {
    this.lines.push(`read ${renderPath(path)} of ${key}: ${JSON.stringify(purpose)}`);
  }

  shiftJson(): void {}

  followList(key: string): void {
    this.lines.push(`follow ${key}`);
  }

  groupCreated(key: string, group: string, makesStream: boolean): void {
    this.lines.push(`read where ${group} of ${key} begins${makesStream ? ', a new stream' : ''}`);
  }

  readonly streams: StreamEvents = {
    isCut: (key, { by, threshold }) => {
      this.lines.push(`${key} is cut by ${by} ${threshold}`);
      return threshold !== '1000';
    },
    acknowledged: (key, group) => void this.lines.push(`${group} of ${key} acknowledged`),
    forgetGroup: (key, group) => void this.lines.push(`${group} of ${key} is gone`),
    needsWhole: (_key, id) => id === '1-0',
  };

  unknownCommand(name: string): void {
    this.lines.push(`unknown ${name}`);
  }

  unreplicable(name: string): void {
    this.lines.push(`unreplicable ${name}`);
  }
}

interface Setting {
  readonly shadows?: Shadows;
  readonly positions?: Record<string, KeyPositions>;
}

/** What the commands of the stream come to. */
function interpreted(commands: string | string[], setting: Setting = {}): string[] {
  const sink = new RecordingSink();
  const positions = (name: string) => setting.positions?.[name];
  const interpreter = new Interpreter(sink, setting.shadows ?? new Shadows(), positions);
  const parser = new StreamParser();
  const command = new Command();
  for (const text of typeof commands === 'string' ? [commands] : commands) {
    parser.feed(encodeStrings(text.split(' ')));
    assert.ok(parser.next(command));
    interpreter.interpret(command.arg(0).toUpperCase(), command);
  }
  return sink.lines;
}

function shadowOf(key: string, ...pairs: [string, number][]): Shadows {
  const members = new SortedMembers();
  for (const [member, score] of pairs) members.set(member, score);
  const shadows = new Shadows();
  shadows.keepSortedSet(key, members);
  return shadows;
}

describe('commands that are their own op', () => {
  test('pass byte for byte', () => {
    const commands: [string, string][] = [
      ['SET k v', 'set'],
      ['INCR k', 'incr'],
      ['DECRBY k 3', 'incr'],
      ['HSET k f v', 'hset'],
      ['HMSET k f v', 'hset'],
      ['HINCRBY k f 2', 'hincr'],
      ['HDEL k f g', 'hdel'],
      ['SADD k a', 'sadd'],
      ['SREM k a b', 'srem'],
      ['ZADD k 1 a', 'zadd'],
      ['ZINCRBY k 1 a', 'zincr'],
      ['ZREM k a', 'zrem'],
      ['DEL k', 'del'],
      ['UNLINK k', 'del'],
      ['PERSIST k', 'expire'],
      ['PEXPIREAT k 5', 'expire'],
      ['APPEND k x', 'opaque'],
      ['SETRANGE k 1 x', 'opaque'],
    ];
    for (const [command, kind] of commands) {
      assert.deepEqual(interpreted(command), [`${kind} of k: ${command}`]);
    }
  });

  test('are known in any spelling', () => {
    assert.deepEqual(interpreted('hSeT k f v'), ['hset of k: hSeT k f v']);
  });

  test('where a group begins at the end of its stream is read', () => {
    assert.deepEqual(interpreted('XGROUP CREATE k g $'), ['read where g of k begins']);
  });
});

describe('flags that were decided at the origin are dropped', () => {
  const commands: [string, string][] = [
    ['SET k v NX', 'set of k: SET k v'],
    ['SET k v XX PXAT 77', 'set of k: SET k v PXAT 77'],
    ['SET k v GET', 'set of k: SET k v'],
    ['SET k v KEEPTTL', 'set of k: SET k v KEEPTTL'],
    ['SETNX k v', 'set of k: SET k v'],
    ['GETSET k v', 'set of k: SET k v'],
    ['HSETNX k f v', 'hset of k: HSET k f v'],
    ['PEXPIREAT k 77 GT', 'expire of k: PEXPIREAT k 77'],
    ['ZADD k NX 1 a', 'zadd of k: ZADD k 1 a'],
    ['ZADD k GT CH 1 a', 'zadd of k: ZADD k 1 a'],
    ['ZADD k CH 1 a 2 b', 'zadd of k: ZADD k 1 a 2 b'],
    ['ZADD k INCR 5 a', 'zincr of k: ZINCRBY k 5 a'],
  ];
  for (const [command, line] of commands) {
    test(command, () => assert.deepEqual(interpreted(command), [line]));
  }
});

describe('commands on several keys', () => {
  test('become an op for each key', () => {
    assert.deepEqual(interpreted('DEL a b'), ['del of a: DEL a', 'del of b: DEL b']);
    assert.deepEqual(interpreted('UNLINK a b'), ['del of a: DEL a', 'del of b: DEL b']);
    const both = ['set of a: SET a 1', 'set of b: SET b 2'];
    assert.deepEqual(interpreted('MSET a 1 b 2'), both);
    assert.deepEqual(interpreted('MSETNX a 1 b 2'), both);
    assert.deepEqual(interpreted('MSETEX 2 a 1 b 2'), both);
    const expiring = both.map((line) => `${line} PXAT 5000`);
    assert.deepEqual(interpreted('MSETEX 2 a 1 b 2 PXAT 5000'), expiring);
    assert.deepEqual(interpreted('msetex 2 a 1 b 2 nx exat 5'), expiring);
    assert.deepEqual(interpreted('MSETEX 1 a 1 XX KEEPTTL'), ['set of a: SET a 1 KEEPTTL']);
    assert.deepEqual(interpreted('SMOVE a b m'), ['srem of a: SREM a m', 'sadd of b: SADD b m']);
  });
});

describe('what is not in the command is read', () => {
  const commands: [string, string[]][] = [
    ['RENAME a b', ['del of a: DEL a (flags 64)', 'read b']],
    ['RENAMENX a b', ['del of a: DEL a (flags 64)', 'read b']],
    ['COPY a b REPLACE', ['read b']],
    ['BITOP AND d a b', ['read d']],
    ['MSETEX 2 a 1 b EX PX 5000', ['read a', 'read b']],
    ['SUNIONSTORE d a b', ['read d']],
    ['ZRANGESTORE d a 0 1', ['read d']],
    ['GEOSEARCHSTORE d a', ['read d']],
    ['RESTORE k 0 dump', ['read k']],
    ['PFMERGE d a', ['read union d']],
    ['SORT a BY x STORE d', ['read d']],
    ['SORT a', []],
    ['GEORADIUS a 1 1 5 km STOREDIST d', ['read d']],
    ['LMOVE a b LEFT RIGHT', ['lpop of a: LPOP a', 'follow a', 'read b']],
    ['RPOPLPUSH a a', ['read a']],
  ];
  for (const [command, lines] of commands) {
    test(command, () => assert.deepEqual(interpreted(command), lines));
  }
});

describe('removals that depend on the value', () => {
  test('are read while nobody knows the members', () => {
    for (const command of ['ZPOPMIN k', 'ZPOPMAX k 2', 'ZREMRANGEBYRANK k 0 1']) {
      assert.deepEqual(interpreted(command), ['read members of k']);
    }
  });

  test('name the exact members that a shadow knows', () => {
    const removals: [string, string][] = [
      ['ZPOPMIN k', 'a'],
      ['ZPOPMIN k 2', 'a b'],
      ['ZPOPMAX k 2', 'c d'],
      ['ZREMRANGEBYRANK k 1 -2', 'b c'],
      ['ZREMRANGEBYSCORE k (1 3', 'b c'],
      ['ZREMRANGEBYSCORE k -inf +inf', 'a b c d'],
    ];
    for (const [command, gone] of removals) {
      const shadows = shadowOf('k', ['a', 1], ['b', 2], ['c', 3], ['d', 4]);
      assert.deepEqual(interpreted(command, { shadows }), [`zrem of k: ZREM k ${gone}`], command);
    }
  });

  test('of members by their bytes, where scores are equal', () => {
    const shadows = shadowOf('k', ['a', 0], ['b', 0], ['c', 0]);
    assert.deepEqual(interpreted('ZREMRANGEBYLEX k (a +', { shadows }), ['zrem of k: ZREM k b c']);
  });

  test('follow what happened to the key before', () => {
    const shadows = shadowOf('k', ['a', 1], ['b', 2]);
    const commands = ['ZADD k 0 z', 'ZINCRBY k 9 a', 'ZREM k z', 'ZPOPMIN k', 'ZPOPMIN k'];
    const lines = interpreted(commands, { shadows });
    assert.deepEqual(lines.slice(3), ['zrem of k: ZREM k b', 'zrem of k: ZREM k a']);
  });

  test('are read again when something happened that no shadow follows', () => {
    const shadows = shadowOf('k', ['a', 1]);
    const lines = interpreted(['DEL k', 'ZADD k 5 b', 'ZPOPMIN k'], { shadows });
    assert.equal(lines.at(-1), 'read members of k');
  });

  test('flags that leave open which members changed are read, or known from a shadow', () => {
    assert.deepEqual(interpreted('ZADD k GT 5 a 1 b'), ['read scores of k: a b']);
    const shadows = shadowOf('k', ['a', 1], ['b', 2]);
    assert.deepEqual(interpreted('ZADD k GT 5 a 1 b', { shadows }), ['zadd of k: ZADD k 5 a']);
    const present = shadowOf('k', ['a', 1]);
    assert.deepEqual(interpreted('ZADD k NX 5 a 1 b', { shadows: present }), [
      'zadd of k: ZADD k 1 b',
    ]);
  });
});

describe('INCRBYFLOAT, which the engine propagates as its result', () => {
  test('is an assign while the value before is not known', () => {
    assert.deepEqual(interpreted('SET k 1.5 KEEPTTL'), ['set of k: SET k 1.5 KEEPTTL']);
  });

  test('is an increment once the value before is known', () => {
    const lines = interpreted(['SET k 1.5 KEEPTTL', 'SET k 1.6 KEEPTTL', 'SET k -2 KEEPTTL']);
    assert.deepEqual(lines.slice(1), [
      'incrFloat of k: INCRBYFLOAT k 0.1',
      'incrFloat of k: INCRBYFLOAT k -3.6',
    ]);
  });

  test('counts from what other commands made of the value meanwhile', () => {
    const lines = interpreted([
      'SET k 1.5 KEEPTTL',
      'SET k 10',
      'INCRBY k 5',
      'SET k 15.25 KEEPTTL',
    ]);
    assert.equal(lines.at(-1), 'incrFloat of k: INCRBYFLOAT k 0.25');
  });

  test('is an assign again after the value was lost sight of', () => {
    const lines = interpreted(['SET k 1.5 KEEPTTL', 'APPEND k 7', 'SET k 2 KEEPTTL']);
    assert.equal(lines.at(-1), 'set of k: SET k 2 KEEPTTL');
  });

  test('is an assign where the key has become something else', () => {
    for (const other of ['LPUSH k 7', 'RPOPLPUSH l k', 'ZADD k 1 a', 'SADD k a']) {
      const lines = interpreted(['SET k 1.5 KEEPTTL', 'DEL k', other, 'SET k 2 KEEPTTL']);
      assert.equal(lines.at(-1), 'set of k: SET k 2 KEEPTTL', other);
    }
  });
});

describe('the rest of the stream', () => {
  test('messages go to the subscribers of every region', () => {
    assert.deepEqual(interpreted('PUBLISH c text'), ['message PUBLISH c text']);
    assert.deepEqual(interpreted('SPUBLISH c text'), ['message SPUBLISH c text']);
  });

  test('what is no write is passed over', () => {
    assert.deepEqual(interpreted(['PING', 'SELECT 0', 'PFCOUNT k', 'REPLCONF GETACK *']), []);
  });

  test('what cannot be replicated is reported', () => {
    assert.deepEqual(interpreted(['FLUSHALL', 'SWAPDB 0 1']), [
      'unreplicable FLUSHALL',
      'unreplicable SWAPDB',
    ]);
  });

  test('a command without a rule is opaque on its one key, and reported', () => {
    const positions = { 'bf.add': { first: 1, last: 1, step: 1 } };
    assert.deepEqual(interpreted('BF.ADD k 1', { positions }), [
      'unknown BF.ADD',
      'opaque of k: BF.ADD k 1',
    ]);
  });

  test('a name that only search modules use among each other counts as what it stands for', () => {
    assert.deepEqual(interpreted('_FT._CREATEIFNX i SCHEMA t TEXT'), [
      'ftIndex of i: FT.CREATE i SCHEMA t TEXT',
    ]);
  });

  test('of a command on several keys each value is read', () => {
    const positions = { 'x.pairs': { first: 1, last: -1, step: 2 } };
    assert.deepEqual(interpreted('X.PAIRS a 1 b 2', { positions }), [
      'unknown X.PAIRS',
      'read a',
      'read b',
    ]);
  });

  test('of a command that nobody knows the first argument is taken for its key', () => {
    assert.deepEqual(interpreted('NEW k 1'), ['unknown NEW', 'read k']);
    assert.deepEqual(interpreted('NEW'), ['unknown NEW']);
  });
});

describe('streams', () => {
  test('an entry is its own op, without what was decided or cut where it was added', () => {
    assert.deepEqual(interpreted('XADD k 5-1 f v'), ['xadd of k: XADD k 5-1 f v']);
    assert.deepEqual(interpreted('XADD k NOMKSTREAM 5-1 f v'), ['xadd of k: XADD k 5-1 f v']);
    for (const options of ['KEEPREF', 'DELREF', 'ACKED', 'IDMPAUTO producer', 'IDMP producer 7']) {
      assert.deepEqual(interpreted(`XADD k ${options} 5-1 f v`), ['xadd of k: XADD k 5-1 f v']);
    }
    assert.deepEqual(interpreted('XADD k 5 f v'), ['xadd of k: XADD k 5 f v']);
    assert.deepEqual(interpreted('XADD k OFTOMORROW 5-1 f v'), ['read k']);
    assert.deepEqual(interpreted('xadd k nomkstream maxlen = 3 limit 0 5-1 f v'), [
      'k is cut by MAXLEN 3',
      `xadd of k: XADD k 5-1 f v (flags ${OpFlag.cuts})`,
    ]);
    assert.deepEqual(interpreted('XADD k MINID ~ 1000 5-1 f v'), [
      'k is cut by MINID 1000',
      'xadd of k: XADD k 5-1 f v',
    ]);
  });

  test('a trim says first that it was made, and later how far it went', () => {
    assert.deepEqual(interpreted('XTRIM k MAXLEN = 3'), [
      'k is cut by MAXLEN 3',
      `xtrim of k: XTRIM k MINID = 0-0 (flags ${OpFlag.cuts})`,
    ]);
    assert.deepEqual(interpreted('XTRIM k MINID 1000'), ['k is cut by MINID 1000']);
  });

  test('removals and last IDs are their own ops', () => {
    assert.deepEqual(interpreted('XDEL k 5-1 6-1'), ['xdel of k: XDEL k 5-1 6-1']);
    assert.deepEqual(interpreted('XSETID k 5-1'), ['xsetid of k: XSETID k 5-1']);
    assert.deepEqual(interpreted('XSETID k 1-0'), ['read k']);
  });

  test('of groups only that they are there is shipped', () => {
    assert.deepEqual(interpreted('XGROUP CREATE k g 5-1 MKSTREAM'), [
      'xgroupCreate of k: XGROUP CREATE k g 5-1 MKSTREAM',
    ]);
    assert.deepEqual(interpreted('xgroup create k g $ mkstream'), [
      'read where g of k begins, a new stream',
    ]);
    assert.deepEqual(interpreted('XGROUP DESTROY k g'), [
      'xgroupDestroy of k: XGROUP DESTROY k g',
      'g of k is gone',
    ]);
    for (const local of ['SETID k g 5-1', 'CREATECONSUMER k g c', 'DELCONSUMER k g c']) {
      assert.deepEqual(interpreted(`XGROUP ${local}`), []);
    }
    assert.deepEqual(interpreted('XCLAIM k g c 0 5-1 TIME 7 RETRYCOUNT 1 FORCE JUSTID'), []);
    assert.deepEqual(interpreted('XACK k g 5-1'), ['g of k acknowledged']);
  });
});
