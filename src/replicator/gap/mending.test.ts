// A comparison of keys from its first question to its end, with two engines that are maps.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Mending, type Side, type Step } from './mending.ts';
import type { Answer, Question } from './messages.ts';

type Keys = Map<string, string>;

/** Two engines without clients; an assertion makes the other side equal. `before` is called before each step. */
function mend(ours: Keys, theirs: Keys, before: (step: Step) => void = () => {}): Mending {
  const mending = new Mending({ visible: () => [] });
  const steps = mending.steps();
  const keys: Record<Side, Keys> = { ours, theirs };
  let pages: Answer[] = [];
  let next = steps.next();
  for (let count = 0; !next.done; count++) {
    assert.ok(count < 500, 'it ends');
    const step = next.value;
    before(step);
    let answer: Answer | undefined;
    if (step.do === 'ask') {
      const other = step.side === 'ours' ? theirs : ours;
      [answer, ...pages] = answersTo(step.question, keys[step.side], other);
    } else if (step.do === 'turn the page') [answer, ...pages] = pages;
    next = steps.next(answer);
  }
  return mending;
}

function answersTo(question: Question, own: Keys, other: Keys): Answer[] {
  const all = { visible: [], isLast: true };
  if (question.ask === 'buckets') {
    return [{ ...all, buckets: sums(own) }];
  }
  if (question.ask === 'digests') {
    return [{ ...all, digests: question.keys.map((key) => own.get(key) ?? '') }];
  }
  if (question.ask === 'assert') {
    for (const key of question.keys) other.set(key, own.get(key) ?? '');
    return [all];
  }
  const pages: Answer[] = [...own].map((pair) => ({ ...all, page: [pair], isLast: false }));
  return [...pages, { ...all, page: [] }];
}

/** One bucket. */
function sums(keys: Keys): number[] {
  let sum = 0;
  for (const [key, value] of keys) sum += key.charCodeAt(0) * (1 + Number(value));
  return [sum];
}

test('what differs is asserted here, what is missing here there, and the rest is left alone', () => {
  const ours: Keys = new Map([
    ['a', '1'],
    ['b', '2'],
    ['c', '3'],
  ]);
  const theirs: Keys = new Map([
    ['a', '1'],
    ['b', '9'],
    ['d', '4'],
  ]);
  const { asserted, restored, comparing } = mend(ours, theirs);
  assert.deepEqual([...ours].sort(), [
    ['a', '1'],
    ['b', '2'],
    ['c', '3'],
    ['d', '4'],
  ]);
  assert.deepEqual([...theirs].sort(), [...ours].sort());
  assert.deepEqual([asserted, restored, comparing], [2, 1, 0]);
});

test('where nothing differs no key is asked for', () => {
  const keys = (): Keys => new Map([['a', '1']]);
  mend(keys(), keys(), (step) => {
    if (step.do === 'ask') assert.ok(step.question.ask !== 'keys');
  });
});

test('a counter that is the same by chance is looked at again: one lacks a missed increment', () => {
  const ours: Keys = new Map([['n', '7']]);
  const theirs: Keys = new Map([['n', '6']]);
  let takeIns = 0;
  mend(ours, theirs, (step) => {
    if (step.do !== 'take in' || ++takeIns !== 1) return;
    // After ours was read, an increment here, which gets there.
    ours.set('n', '8');
    theirs.set('n', '7');
  });
  assert.equal(theirs.get('n'), '8');
});
