import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LiveOp } from '../live-op.ts';
import { received, type TestOrigin, testOrigins } from '../ops.fixture.ts';
import type { ListNode } from './list-node.ts';
import { ListValue } from './list-value.ts';

const ORIGINS = 3;

/** An empty list of which everything is known. */
function emptyList(): ListValue {
  const list = new ListValue();
  list.settle(0);
  return list;
}

/** Every node with who put and removed it, from head to tail. */
function nodesOf(list: ListValue): string[] {
  const dot = ({ origin, seq }: LiveOp): string => `${origin}.${seq}`;
  return [...list.nodes()].map(({ op, index, count, text, removals }: ListNode) => {
    return `${op && dot(op)}/${index} ${count} ${text} -${removals.map(dot).join(',')}`;
  });
}

type Step =
  | { readonly by: number; readonly command: string; readonly at: number }
  | { readonly sees: number; readonly of: number; readonly count: number }
  /** Everybody has everything. */
  | { readonly isLevel: true };

const origin = fc.nat(ORIGINS - 1);
const command = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('RPUSH k a', 'RPUSH k b c') },
  { weight: 4, arbitrary: fc.constantFrom('LPOP k 1', 'LPOP k 2') },
  { weight: 2, arbitrary: fc.constantFrom('LPUSH k d', 'RPOP k 1') },
  fc.constantFrom('LTRIM k 1 -1', 'LSET k 0 e', 'LINSERTAT k BEFORE 0 f', 'LREMAT k 0'),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ by: origin, command, at: fc.nat(5) }) },
  {
    weight: 2,
    arbitrary: fc.record({ sees: origin, of: origin, count: fc.integer({ min: 1, max: 5 }) }),
  },
  fc.constant({ isLevel: true as const }),
);

/** The ops in an order in which each comes behind all that it had observed, and in between, where all before are stable:
 * the last sequence of each origin. */
function opsOf(steps: readonly Step[]): (LiveOp | number[])[] {
  const origins = testOrigins(ORIGINS);
  const made: LiveOp[][] = origins.map(() => []);
  const seen = origins.map(() => origins.map(() => 0));
  const ops: (LiveOp | number[])[] = [];
  for (const step of steps) {
    if ('isLevel' in step) {
      for (const one of origins) one.sees(...made.flat());
      const lasts = made.map((each) => each.length);
      for (const counts of seen) counts.splice(0, ORIGINS, ...lasts);
      ops.push(lasts);
      continue;
    }
    if ('command' in step) {
      const op = (origins[step.by] as TestOrigin).write(step.command, { at: step.at });
      (made[step.by] as LiveOp[]).push(op);
      ops.push(op);
      continue;
    }
    if (step.sees === step.of) continue;
    const counts = seen[step.sees] as number[];
    const from = counts[step.of] as number;
    const next = (made[step.of] as LiveOp[]).slice(from, from + step.count);
    // Delivery is causal: only what depends on nothing that is missing here.
    for (const op of next) {
      const isReady = op.deps.every(
        (seq, slot) => slot === step.sees || seq <= (counts[slot] ?? 0),
      );
      if (!isReady) break;
      (origins[step.sees] as TestOrigin).sees(op);
      counts[step.of] = op.seq;
    }
  }
  return ops;
}

test('where pops begin makes no difference to what they take', () => {
  let removed = 0;
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const list = emptyList();
      let looking = emptyList();
      for (const op of opsOf(steps)) {
        // A copy has to look from the very end.
        looking = looking.clone();
        for (const one of [list, looking]) {
          if (!Array.isArray(op)) one.integrate(received(op));
          else one.prune(({ origin, seq }) => seq <= (op[origin] ?? 0));
        }
        assert.deepEqual(nodesOf(list), nodesOf(looking));
        const left = [...list.nodes()].filter(({ removals }) => removals.length === 0);
        assert.equal(list.isAlive, left.length > 0);
        const length = left.reduce((sum, { count }) => sum + count, 0);
        assert.equal(list.size, length);
        removed += [...list.nodes()].length - left.length;
      }
    }),
    { numRuns: 300 },
  );
  assert.ok(removed > 1000, `${removed} removed elements`);
});

test('a copy puts what is inserted at one place where the list itself puts it', () => {
  const [a, b, c] = testOrigins() as [TestOrigin, TestOrigin, TestOrigin];
  const push = a.write('RPUSH k x');
  const newer = b.sees(push).write('LINSERTAT k BEFORE 0 newer', { at: 9 });
  const older = c.sees(push).write('LINSERTAT k BEFORE 0 older', { at: 1 });
  const list = emptyList();
  for (const op of [push, newer]) list.integrate(op);
  const copy = list.clone();
  for (const one of [list, copy]) one.integrate(received(older));
  assert.deepEqual(nodesOf(copy), nodesOf(list));
});

test('a pop from a queue costs the same however many were popped before', () => {
  const [a, b] = testOrigins() as [TestOrigin, TestOrigin];
  const list = emptyList();
  let looks = 0;
  for (let i = 0; i < 3000; i++) {
    const push = a.write('RPUSH k v');
    const pop = b.sees(push).write('LPOP k 1');
    list.integrate(push);
    for (const node of list.nodes('tail')) {
      const { isVisibleTo } = node;
      node.isVisibleTo = (reader) => {
        looks++;
        return isVisibleTo.call(node, reader);
      };
      break;
    }
    list.integrate(pop);
    assert.equal(list.isAlive, false);
  }
  assert.ok(looks < 3 * 3000, `${looks} looks at elements`);
});
