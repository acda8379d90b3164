// Random histories of a few writers, and other orders in which their ops may arrive: for tests that what a
// member shows does not depend on the order. Only merging is under test with them: no transactions, links or
// crashes, as in sim.test.ts.

import fc from 'fast-check';
import { observed } from '../../src/model/op.ts';
import type { VersionVector } from '../../src/model/version-vector.ts';
import type { LiveOp } from '../../src/replicator/live/live-op.ts';
import { type TestOrigin, testOrigins } from '../../src/replicator/live/ops.fixture.ts';

export const WRITERS = 3;
/** Writers, and observers that write nothing. */
export const MEMBERS = 6;

/** An engine and what it knows of recent ops. */
export interface HistoryMember {
  readonly visible: VersionVector;
  /** Takes in an op that its engine shows. */
  note(op: LiveOp): void;
  /** Makes an op of another writer visible, and takes it in. */
  deliver(op: LiveOp): void;
}

/** A write, or the delivery of the next op of one writer to another. */
export type HistoryStep<W> =
  | { readonly by: number; readonly write: W; readonly at: number }
  | { readonly from: number; readonly to: number };

export function historySteps<W>(write: fc.Arbitrary<W>): fc.Arbitrary<HistoryStep<W>[]> {
  const writer = fc.nat({ max: WRITERS - 1 });
  const step: fc.Arbitrary<HistoryStep<W>> = fc.oneof(
    { weight: 2, arbitrary: fc.record({ by: writer, write, at: fc.nat({ max: 20 }) }) },
    { weight: 1, arbitrary: fc.record({ from: writer, to: writer }) },
  );
  return fc.array(step, { maxLength: 80, size: 'max' });
}

/** Which of the ops that may come next does. */
export const orderChoices = fc.array(fc.nat({ max: 100 }), { minLength: 1, maxLength: 40 });

/** All ops of a history, in an order in which they may be delivered. `writeAt` runs a write at a member and
 * makes its ops, which the member does not know yet. */
export function historyOf<W, M extends HistoryMember>(
  steps: readonly HistoryStep<W>[],
  members: readonly M[],
  writeAt: (member: M, origin: TestOrigin, write: W, atMs: number) => readonly LiveOp[],
): LiveOp[] {
  const origins = testOrigins(MEMBERS);
  const ops: LiveOp[] = [];
  for (const step of steps) {
    if ('write' in step) {
      const [origin, member] = [origins[step.by] as TestOrigin, members[step.by] as M];
      for (const op of writeAt(member, origin, step.write, step.at)) {
        ops.push(op);
        member.note(op);
      }
      continue;
    }
    const to = members[step.to] as M;
    const due = (to.visible[step.from] as number) + 1;
    const op = ops.find(({ origin, seq }) => origin === step.from && seq === due);
    if (op === undefined || step.from === step.to || !isDeliverable(to, op)) continue;
    to.deliver(op);
    origins[step.to]?.sees(op);
  }
  return ops;
}

function isDeliverable(to: HistoryMember, op: LiveOp): boolean {
  return op.deps.every((seq, slot) => seq <= (to.visible[slot] as number));
}

/** Another order in which every op still comes after all that it had observed. */
export function reordered(ops: readonly LiveOp[], choices: readonly number[]): LiveOp[] {
  const left = [...ops];
  const order: LiveOp[] = [];
  for (let i = 0; left.length > 0; i++) {
    const ready = left.filter((op) => !left.some((other) => other !== op && observed(op, other)));
    const next = ready[(choices[i % choices.length] ?? 0) % ready.length] as LiveOp;
    order.push(next);
    left.splice(left.indexOf(next), 1);
  }
  return order;
}
