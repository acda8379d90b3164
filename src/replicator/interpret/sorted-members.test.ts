import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { SortedMembers } from './sorted-members.ts';

/** The same by sorting anew each time. */
class NaiveMembers {
  readonly scores = new Map<string, number>();

  ordered(): string[] {
    const entries = [...this.scores];
    const bytes = (text: string) => Buffer.from(text, 'latin1');
    entries.sort(([a, x], [b, y]) => (x === y ? bytes(a).compare(bytes(b)) : x - y));
    return entries.map(([member]) => member);
  }
}

const member = fc.oneof(
  fc.constantFrom('', 'a', 'b', 'aa', 'ab', '\x00', '\xff', '\x80a', 'A'),
  fc.integer({ min: 0, max: 2000 }).map(String),
);
const score = fc.oneof(
  fc.integer({ min: -3, max: 3 }),
  fc.double({ noNaN: true }).filter((value) => !Object.is(value, -0)),
);
const change = fc.oneof(
  { weight: 3, arbitrary: fc.record({ member, score: fc.option(score) }) },
  fc.record({ member, score }),
);

test('is what sorting the members would give', () => {
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 60 }),
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: -1, max: 60 }),
      (changes, from, to) => {
        const [members, naive] = [new SortedMembers(), new NaiveMembers()];
        for (const { member, score } of changes) {
          if (score === null) {
            assert.equal(members.delete(member), naive.scores.delete(member));
          } else {
            members.set(member, score);
            naive.scores.set(member, score);
          }
        }
        const ordered = naive.ordered();
        assert.equal(members.size, ordered.length);
        assert.deepEqual(members.byRank(0, members.size - 1), ordered);
        assert.deepEqual(members.byRank(from, to), ordered.slice(from, to + 1));
        for (const [name, value] of naive.scores) assert.equal(members.score(name), value);
      },
    ),
    { numRuns: 200 },
  );
});

test('stays in order over many blocks', () => {
  const [members, naive] = [new SortedMembers(), new NaiveMembers()];
  for (let i = 0; i < 5000; i++) {
    const name = `m${(i * 7919) % 3001}`;
    const value = (i * 104729) % 97;
    if (i % 5 === 4) {
      assert.equal(members.delete(name), naive.scores.delete(name));
      continue;
    }
    members.set(name, value);
    naive.scores.set(name, value);
  }
  const ordered = naive.ordered();
  assert.ok(ordered.length > 1500);
  assert.deepEqual(members.byRank(0, members.size - 1), ordered);
  assert.deepEqual(members.byRank(700, 1300), ordered.slice(700, 1301));
});

test('finds a range of neighbours', () => {
  const members = new SortedMembers();
  for (let i = 0; i < 2000; i++) members.set(`m${i}`, i);
  const found = members.where(({ score }) => score >= 600 && score < 900);
  assert.deepEqual(
    found,
    Array.from({ length: 300 }, (_, i) => `m${600 + i}`),
  );
});

test('emptied and filled again it is as new', () => {
  const members = new SortedMembers();
  for (let round = 0; round < 3; round++) {
    for (let i = 0; i < 1000; i++) members.set(`m${i}`, i % 7);
    for (let i = 0; i < 1000; i++) assert.ok(members.delete(`m${i}`));
    assert.deepEqual(members.byRank(0, 10), []);
    assert.equal(members.bytes, 0);
  }
});
