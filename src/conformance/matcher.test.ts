// The matchers of conformance cases, one by one.

import assert from 'node:assert';
import { describe, it } from 'node:test';
import { agree, type Expectation, invalidExpectation, type JsonReply, matches } from './matcher.ts';

const ACCEPTED: readonly [Expectation, JsonReply][] = [
  ['b', 'b'],
  [3, 3],
  [null, null],
  [
    ['a', ['b', 1]],
    ['a', ['b', 1]],
  ],
  [{ set: ['a', 'b'] }, ['b', 'a']],
  [{ set: [['f', '1'], 'x'] }, ['x', ['f', '1']]],
  [{ oneOf: ['a', null] }, null],
  [{ oneOf: [{ num: 1.1 }, { num: 2.1 }] }, '2.1000000000000001'],
  [{ sameEverywhere: true }, ['anything']],
  [{ range: [1, 5] }, '5'],
  [{ num: 4.1 }, '4.0999999999999996'],
  [
    ['a', { num: 4.1 }],
    ['a', '4.0999999999999996'],
  ],
  [{ error: 'WRONGTYPE' }, { error: 'WRONGTYPE Operation against a key' }],
  [{ error: true }, { error: 'ERR whatever' }],
  [{ json: { a: 1 } }, '[{"a":1}]'],
  [{ json: [1, 2] }, '[1,2]'],
];

const REFUSED: readonly [Expectation, JsonReply][] = [
  ['b', 'a'],
  ['3', 3],
  [null, ''],
  [
    ['a', 'b'],
    ['b', 'a'],
  ],
  [['a'], ['a', 'b']],
  [{ set: ['a', 'b'] }, ['a']],
  [{ set: ['a', 'b'] }, ['a', 'b', 'b']],
  [{ oneOf: ['a', 'b'] }, 'c'],
  [{ range: [1, 5] }, '6'],
  [{ range: [0, 5] }, null],
  [{ num: 4.1 }, '4.2'],
  [{ num: 0 }, ''],
  [{ error: 'WRONGTYPE' }, { error: 'ERR' }],
  [{ error: true }, 'OK'],
  [{ json: { a: 1 } }, '{"a":2}'],
  [{ json: { a: 1 } }, 'no json'],
];

describe('matchers', () => {
  for (const [expectation, reply] of ACCEPTED) {
    it(`${JSON.stringify(expectation)} accepts ${JSON.stringify(reply)}`, () => {
      assert.equal(invalidExpectation(expectation), undefined);
      assert.ok(matches(expectation, reply));
    });
  }
  for (const [expectation, reply] of REFUSED) {
    it(`${JSON.stringify(expectation)} refuses ${JSON.stringify(reply)}`, () => {
      assert.equal(invalidExpectation(expectation), undefined);
      assert.ok(!matches(expectation, reply));
    });
  }
  for (const wrong of [{}, { sets: [] }, { set: 'a' }, { range: [1] }, { num: '1' }, true, [{}]]) {
    it(`${JSON.stringify(wrong)} is no expectation`, () => {
      assert.equal(typeof invalidExpectation(wrong), 'string');
    });
  }
});

describe('agreement of regions', () => {
  it('is about equal replies, also where several are allowed', () => {
    assert.ok(agree({ oneOf: ['a', 'b'] }, 'a', 'a'));
    assert.ok(!agree({ oneOf: ['a', 'b'] }, 'a', 'b'));
    assert.ok(!agree({ sameEverywhere: true }, 'a', 'b'));
  });

  it('does not see the order of sets, nor the digits of numbers', () => {
    assert.ok(agree({ set: ['a', 'b'] }, ['a', 'b'], ['b', 'a']));
    assert.ok(agree({ num: 4.1 }, '4.1', '4.0999999999999996'));
    assert.ok(agree({ json: { a: 1, b: 2 } }, '{"a":1,"b":2}', '{"b":2,"a":1}'));
  });

  it('is not asked of ranges', () => {
    assert.ok(agree({ range: [1, 9] }, 1, 2));
  });
});
