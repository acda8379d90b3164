// The order in which concurrent ops arrive must not matter. A random history is made by a few writers; observers
// that write nothing get all of it, each in another order that respects causality, and must show the same. Only merging is under
// test here: no transactions, links or crashes, as in sim.test.ts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { observed } from '../../src/model/op.ts';
import type { VersionVector } from '../../src/model/version-vector.ts';
import { LiveIndex } from '../../src/replicator/live/live-index.ts';
import type { LiveOp } from '../../src/replicator/live/live-op.ts';
import {
  commandsIn,
  received,
  type TestOrigin,
  testOrigins,
} from '../../src/replicator/live/ops.fixture.ts';
import { resolve, writeVerbatim } from '../../src/replicator/resolve/resolve.ts';
import { CommandWriter } from '../../src/resp/command-writer.ts';
import { ModelEngine } from './model-engine/model-engine.ts';
import { registerScripts } from './scripts.ts';

const WRITERS = 3;
const MEMBERS = 6;
const NOW_MS = 1_700_000_000_000;

/** A member: an engine, and what it knows of recent ops. */
class Member {
  readonly visible: VersionVector = new Float64Array(MEMBERS);
  readonly engine: ModelEngine;
  readonly #client;
  readonly #index: LiveIndex;

  constructor(slot: number) {
    this.engine = new ModelEngine({ seed: slot + 1 });
    this.#client = this.engine.connect();
    this.#index = new LiveIndex(slot, MEMBERS, () => {});
    registerScripts(this.engine);
    this.engine.takeStream();
  }

  /** A client's write; false when it changed nothing and so is no op. */
  write(args: readonly string[]): boolean {
    this.engine.execute(this.#client, args, NOW_MS);
    return this.engine.takeStream().length > 0;
  }

  note(op: LiveOp): void {
    this.#index.integrate(received(op));
    this.visible[op.origin] = op.seq;
  }

  deliver(op: LiveOp): void {
    const out = new CommandWriter();
    const entry = this.#index.get(op.key);
    if (entry === undefined || entry.isObservedBy(op)) writeVerbatim(op, out, NOW_MS);
    else resolve(received(op), entry.fork(), out, NOW_MS);
    for (const args of commandsIn(out.take())) {
      const reply = this.engine.execute(this.#client, args, NOW_MS);
      assert.notEqual(reply.kind, 'error', `${args.join(' ')}: ${JSON.stringify(reply)}`);
    }
    this.note(op);
  }

  get content(): string {
    return JSON.stringify(this.engine.dump(NOW_MS));
  }
}

const member = fc.constantFrom('a', 'b', 'c');
const number = fc.integer({ min: -9, max: 9 }).map(String);
const command = fc.oneof(
  fc.tuple(fc.constant('SET'), fc.constant('s'), number),
  fc.tuple(fc.constant('INCRBY'), fc.constant('s'), number),
  fc.constant(['DEL', 's']),
  fc.tuple(fc.constant('HSET'), fc.constant('h'), member, number),
  fc.tuple(fc.constant('HINCRBY'), fc.constant('h'), member, number),
  fc.tuple(fc.constant('HDEL'), fc.constant('h'), member),
  fc.constant(['DEL', 'h']),
  fc.tuple(fc.constant('SADD'), fc.constant('m'), member, member),
  fc.tuple(fc.constant('SREM'), fc.constant('m'), member),
  fc.constant(['DEL', 'm']),
  fc.tuple(fc.constant('ZADD'), fc.constant('z'), number, member),
  fc.tuple(fc.constant('ZINCRBY'), fc.constant('z'), number, member),
  fc.tuple(fc.constant('ZREM'), fc.constant('z'), member),
  fc.constant(['DEL', 'z']),
);
const writer = fc.nat({ max: WRITERS - 1 });
/** A write, or the delivery of the next op of one writer to another. */
const step = fc.oneof(
  { weight: 2, arbitrary: fc.record({ by: writer, command, at: fc.nat({ max: 20 }) }) },
  fc.record({ from: writer, to: writer }),
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** All ops of the history, in an order in which they may be delivered. */
function history(steps: readonly Step[]): LiveOp[] {
  const origins = testOrigins(MEMBERS);
  const members = Array.from({ length: WRITERS }, (_, slot) => new Member(slot));
  const ops: LiveOp[] = [];
  const deliverable = (to: Member, op: LiveOp) =>
    op.deps.every((seq, slot) => seq <= (to.visible[slot] as number));
  for (const step of steps) {
    if ('command' in step) {
      const [origin, self] = [origins[step.by] as TestOrigin, members[step.by] as Member];
      if (!self.write(step.command)) continue;
      const op = origin.write(step.command, { at: step.at });
      ops.push(op);
      self.note(op);
      continue;
    }
    const to = members[step.to] as Member;
    const due = (to.visible[step.from] as number) + 1;
    const op = ops.find(({ origin, seq }) => origin === step.from && seq === due);
    if (op === undefined || step.from === step.to || !deliverable(to, op)) continue;
    to.deliver(op);
    to.engine.takeStream();
    origins[step.to]?.sees(op);
  }
  return ops;
}

/** Another order in which every op still comes after all that it had observed. */
function reordered(ops: readonly LiveOp[], choices: readonly number[]): LiveOp[] {
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

const choices = fc.array(fc.nat({ max: 100 }), { minLength: 1, maxLength: 40 });

test('any order that respects causality gives the same content', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 80, size: 'max' }),
      choices,
      choices,
      (steps, first, second) => {
        const ops = history(steps);
        const contents = [ops, reordered(ops, first), reordered(ops, second)].map((order, i) => {
          const observer = new Member(WRITERS + i);
          for (const op of order) observer.deliver(op);
          return observer.content;
        });
        assert.equal(contents[1], contents[0]);
        assert.equal(contents[2], contents[0]);
      },
    ),
    { numRuns: 1500 },
  );
});

test('a history in which writers meet has concurrent ops', () => {
  const [seven, nine] = [7, 9].map((at, by) => ({ by, at, command: ['SET', 's', String(at)] }));
  const ops = history([seven, nine, { from: 0, to: 1 }, { from: 1, to: 0 }] as Step[]);
  assert.equal(ops.length, 2);
  assert.ok(!observed(ops[1] as LiveOp, ops[0] as LiveOp));
});
