import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Command } from '../../resp/command.ts';
import { encodeStrings } from '../../resp/encode.ts';
import { StreamParser } from '../../resp/stream-parser.ts';
import { Shadows } from './shadows.ts';
import { SortedMembers } from './sorted-members.ts';

function follow(shadows: Shadows, ...commands: string[]): void {
  const parser = new StreamParser();
  const command = new Command();
  for (const text of commands) {
    parser.feed(encodeStrings(text.split(' ')));
    assert.ok(parser.next(command));
    shadows.follow(command.arg(0).toUpperCase(), command);
  }
}

function withSet(...pairs: [string, number][]): Shadows {
  const members = new SortedMembers();
  for (const [member, score] of pairs) members.set(member, score);
  const shadows = new Shadows();
  shadows.keepSortedSet('k', members);
  return shadows;
}

function shown(shadows: Shadows): string | undefined {
  const set = shadows.sortedSet('k');
  const members = set?.byRank(0, set.size - 1);
  return members?.map((member) => `${member}=${set?.score(member)}`).join(' ');
}

test('a sorted set follows every command that the engine runs on it', () => {
  const steps: [string, string][] = [
    ['ZADD k 3 c', 'a=1 b=2 c=3'],
    ['ZADD k NX 9 a 0 d', 'd=0 a=1 b=2'],
    ['ZADD k XX 9 a 0 d', 'b=2 a=9'],
    ['ZADD k GT 0 a 5 b', 'a=1 b=5'],
    ['ZADD k LT CH 0 a 5 b', 'a=0 b=2'],
    ['ZADD k INCR 4 a', 'b=2 a=5'],
    ['ZINCRBY k -4 b', 'b=-2 a=1'],
    ['ZINCRBY k 7 z', 'a=1 b=2 z=7'],
    ['ZREM k a x', 'b=2'],
    ['ZPOPMIN k', 'b=2'],
    ['ZPOPMAX k 1', 'a=1'],
    ['ZREMRANGEBYRANK k -1 -1', 'a=1'],
    ['ZREMRANGEBYSCORE k 2 inf', 'a=1'],
    ['PEXPIREAT k 5', 'a=1 b=2'],
    ['SADD other a', 'a=1 b=2'],
  ];
  for (const [command, after] of steps) {
    const shadows = withSet(['a', 1], ['b', 2]);
    follow(shadows, command);
    assert.equal(shown(shadows), after, command);
  }
});

test('a command that cannot be followed ends the shadow', () => {
  for (const command of [
    'DEL k',
    'RENAME x k',
    'ZUNIONSTORE k 1 x',
    'SET k v',
    'UNLINK a k',
    'COPY x k',
  ]) {
    const shadows = withSet(['a', 1]);
    follow(shadows, command);
    assert.equal(shadows.sortedSet('k'), undefined, command);
  }
});

test('a float counter follows assigns and increments', () => {
  const steps: [string, string | undefined][] = [
    ['SET k 5', '5'],
    ['INCR k', '2.5'],
    ['DECR k', '0.5'],
    ['INCRBY k 3', '4.5'],
    ['DECRBY k -3', '4.5'],
    ['PERSIST k', '1.5'],
    ['SET k text', undefined],
    ['APPEND k 5', undefined],
    ['DEL k', '0'],
    ['MSET x 1 k 2', undefined],
  ];
  for (const [command, after] of steps) {
    const shadows = new Shadows();
    shadows.keepFloat('k', '1.5');
    follow(shadows, command);
    assert.equal(shadows.float('k'), after, command);
  }
});

test('dropping and clearing forget', () => {
  const shadows = withSet(['a', 1]);
  shadows.keepFloat('f', '1');
  shadows.drop('k');
  assert.equal(shadows.sortedSet('k'), undefined);
  assert.ok(!shadows.isEmpty);
  shadows.clear();
  assert.ok(shadows.isEmpty);
});

test('beyond the bound in bytes the least recently used go', () => {
  const shadows = new Shadows();
  const big = (): SortedMembers => {
    const members = new SortedMembers();
    const padding = 'x'.repeat(1024 * 1024);
    for (let i = 0; i < 20; i++) members.set(`${padding}${i}`, i);
    return members;
  };
  for (const key of ['one', 'two', 'three']) shadows.keepSortedSet(key, big());
  assert.ok(shadows.sortedSet('one') !== undefined);
  shadows.keepSortedSet('four', big());
  assert.equal(shadows.sortedSet('two'), undefined);
  assert.ok(shadows.sortedSet('one') !== undefined && shadows.sortedSet('four') !== undefined);
});

test('beyond the bound in number the oldest float goes', () => {
  const shadows = new Shadows();
  for (let i = 0; i <= 100_000; i++) shadows.keepFloat(`f${i}`, '1');
  assert.equal(shadows.float('f0'), undefined);
  assert.equal(shadows.float('f1'), '1');
});
