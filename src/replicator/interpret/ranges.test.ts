import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lexRange, rankRange, scoreOfText, scoreRange } from './ranges.ts';
import { SortedMembers } from './sorted-members.ts';

function setOf(...pairs: [string, number][]): SortedMembers {
  const set = new SortedMembers();
  for (const [member, score] of pairs) set.set(member, score);
  return set;
}

const ABCD = setOf(['a', 1], ['b', 2], ['c', 3], ['d', 4]);

test('ranks count from both ends', () => {
  const ranges: [string, string, string][] = [
    ['0', '-1', 'abcd'],
    ['0', '0', 'a'],
    ['-2', '-1', 'cd'],
    ['-100', '0', 'a'],
    ['2', '100', 'cd'],
    ['3', '1', ''],
    ['4', '9', ''],
    ['0', '-5', ''],
    ['0', '-9', ''],
  ];
  for (const [start, stop, members] of ranges) {
    assert.equal(rankRange(ABCD, start, stop).join(''), members, `${start} ${stop}`);
  }
});

test('score ranges include their bounds unless told not to', () => {
  const ranges: [string, string, string][] = [
    ['2', '3', 'bc'],
    ['(2', '3', 'c'],
    ['2', '(3', 'b'],
    ['(2', '(2', ''],
    ['-inf', '+inf', 'abcd'],
    ['-inf', '(1', ''],
    ['3.5', 'inf', 'd'],
  ];
  for (const [min, max, members] of ranges) {
    assert.equal(ABCD.where(scoreRange(min, max)).join(''), members, `${min} ${max}`);
  }
});

test('byte ranges include or exclude their bounds, and know both ends', () => {
  const set = setOf(['a', 0], ['aa', 0], ['b', 0], ['\xff', 0]);
  const ranges: [string, string, string[]][] = [
    ['-', '+', ['a', 'aa', 'b', '\xff']],
    ['[a', '[aa', ['a', 'aa']],
    ['(a', '(b', ['aa']],
    ['[b', '+', ['b', '\xff']],
    ['+', '-', []],
    ['(b', '[\xfe', []],
  ];
  for (const [min, max, members] of ranges) {
    assert.deepEqual(set.where(lexRange(min, max)), members, `${min} ${max}`);
  }
});

test('scores are read as the engine reads them', () => {
  const infinite = Number.POSITIVE_INFINITY;
  for (const text of ['inf', '+inf', 'INF', 'Infinity']) assert.equal(scoreOfText(text), infinite);
  for (const text of ['-inf', '-Infinity']) assert.equal(scoreOfText(text), -infinite);
  assert.equal(scoreOfText('1e3'), 1000);
  assert.equal(scoreOfText('-0.5'), -0.5);
  assert.ok(Number.isNaN(scoreOfText('five')));
});
