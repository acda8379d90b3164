import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Comparison, type Verdict } from './comparison.ts';

/** One turn with what they had, what we had then, and what they had once they had that. */
function turn(comparison: Comparison, theirs: string, ours: string, then: string): Verdict {
  comparison.noteTheirs('k', theirs);
  comparison.noteOurs('k', ours);
  return comparison.judge('k', then);
}

function of(key: string): Comparison {
  const comparison = new Comparison();
  comparison.add(key);
  return comparison;
}

test('what was on its way is no difference', () => {
  const comparison = of('k');
  assert.equal(turn(comparison, 'old', 'new', 'new'), 'open');
  assert.equal(turn(comparison, 'new', 'new', 'new'), 'same');
  assert.equal(comparison.size, 0);
});

test('a missed increment is not made up for by another one that comes in between', () => {
  const comparison = of('k');
  // 7 of which 1 was missed there; in the end 8 and 7.
  assert.equal(turn(comparison, '6', '7', '7'), 'open');
  assert.equal(turn(comparison, '7', '8', '7'), 'ours');
});

test('what nothing on its way explains differs, and is looked at again once it is asserted', () => {
  const comparison = of('k');
  assert.equal(turn(comparison, 'theirs', 'ours', 'theirs'), 'ours');
  assert.equal(comparison.size, 1);
  assert.equal(turn(comparison, 'ours', 'ours', 'ours'), 'same');
  assert.equal(comparison.size, 0);
});

test('what is missing here they assert; what is missing there we do', () => {
  assert.equal(turn(of('k'), 'theirs', '', 'theirs'), 'theirs');
  assert.equal(turn(of('k'), '', 'ours', ''), 'ours');
});

test('a key that is written all the time is given several turns, and then counts as differing', () => {
  const comparison = of('k');
  const verdicts: Verdict[] = [];
  for (let i = 0; i < 12; i++) verdicts.push(turn(comparison, `t${i}`, `o${i}`, `t${i + 1}`));
  assert.deepEqual(verdicts.slice(0, 11), new Array(11).fill('open'));
  assert.equal(verdicts[11], 'ours');
});

test('what cannot be made the same is given up in the end', () => {
  const comparison = of('k');
  for (let i = 0; comparison.size > 0; i++) {
    assert.ok(i < 10, 'it ends');
    turn(comparison, 'theirs', 'ours', 'theirs');
  }
});

test('keys take turns', () => {
  const comparison = new Comparison();
  for (const key of ['a', 'b', 'c']) comparison.add(key);
  comparison.noteTheirs('a', '1');
  comparison.noteOurs('a', '2');
  assert.equal(comparison.judge('a', '3'), 'open');
  assert.deepEqual(comparison.some(2), ['b', 'c']);
});
