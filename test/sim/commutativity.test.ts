// The order in which concurrent ops arrive must not matter. A random history is made by a few writers; observers
// that write nothing get all of it, each in another order that respects causality, and must show the same. Only merging is under
// test here: no transactions, links or crashes, as in sim.test.ts.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type OpKind, observed } from '../../src/model/op.ts';
import type { VersionVector } from '../../src/model/version-vector.ts';
import { Interpreter } from '../../src/replicator/interpret/interpreter.ts';
import { ListShadow } from '../../src/replicator/interpret/list-shadow.ts';
import { Shadows } from '../../src/replicator/interpret/shadows.ts';
import type { OpSink } from '../../src/replicator/interpret/sink.ts';
import type { KeyEntry } from '../../src/replicator/live/key-entry.ts';
import { LiveIndex } from '../../src/replicator/live/live-index.ts';
import type { LiveOp } from '../../src/replicator/live/live-op.ts';
import {
  commandsIn,
  received,
  type TestOrigin,
  testOrigins,
} from '../../src/replicator/live/ops.fixture.ts';
import { writeListChanges } from '../../src/replicator/resolve/list-writer.ts';
import { markShown } from '../../src/replicator/resolve/rebuild.ts';
import { resolve, writeVerbatim } from '../../src/replicator/resolve/resolve.ts';
import { Command } from '../../src/resp/command.ts';
import { CommandWriter } from '../../src/resp/command-writer.ts';
import { encodeStrings } from '../../src/resp/encode.ts';
import { StreamParser } from '../../src/resp/stream-parser.ts';
import { ModelEngine } from './model-engine/model-engine.ts';
import type { ModelReply } from './model-engine/reply.ts';
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

  /** A client's write. Returns the command of its op; undefined when it changed nothing and so is none. */
  write(args: readonly string[]): readonly string[] | undefined {
    const values = args[1] === 'l' ? this.#run('LRANGE', 'l', '0', '-1') : undefined;
    this.engine.execute(this.#client, args, NOW_MS);
    if (this.engine.takeStream().length === 0) return undefined;
    return values?.kind === 'array' ? listOpOf(args, values.items.map(textOf)) : args;
  }

  note(op: LiveOp): void {
    this.#index.integrate(received(op));
    this.visible[op.origin] = op.seq;
  }

  deliver(op: LiveOp): void {
    const out = new CommandWriter();
    const entry = this.#index.get(op.key);
    if (entry === undefined || entry.isObservedBy(op)) writeVerbatim(op, out, NOW_MS);
    else this.#resolve(op, entry, out);
    for (const args of commandsIn(out.take())) {
      const reply = this.engine.execute(this.#client, args, NOW_MS);
      assert.notEqual(reply.kind, 'error', `${args.join(' ')}: ${JSON.stringify(reply)}`);
    }
    this.note(op);
  }

  #resolve(op: LiveOp, entry: KeyEntry, out: CommandWriter): void {
    const reply = op.key === 'l' ? this.#run('LLEN', 'l') : undefined;
    const length = reply?.kind === 'integer' ? Number(reply.value) : undefined;
    const fork = entry.fork({ length });
    this.#index.noteMeasured(op.key, { length });
    const { table } = fork;
    if (table !== undefined) markShown(table);
    resolve(received(op), fork, out, NOW_MS);
    const list = fork.table?.list;
    if (list !== undefined) writeListChanges(op.key, list, new Set(), out);
  }

  #run(...args: string[]): ModelReply {
    return this.engine.execute(this.#client, args, NOW_MS);
  }

  get content(): string {
    return JSON.stringify(this.engine.dump(NOW_MS));
  }
}

function textOf(reply: ModelReply): string {
  return reply.kind === 'bulk' ? reply.text : '';
}

/** What a list command ships, where the list was `values` before it. */
function listOpOf(
  args: readonly string[],
  values: readonly string[],
): readonly string[] | undefined {
  const shadows = new Shadows();
  shadows.keepList('l', new ListShadow(values.length, values));
  let shipped: readonly string[] | undefined;
  const sink = {
    verbatim: () => {
      shipped = args;
    },
    rewritten: (_: OpKind, rewritten: readonly string[]) => {
      shipped = rewritten;
    },
  };
  const interpreter = new Interpreter({ ...NO_SINK, ...sink }, shadows, () => undefined);
  const parser = new StreamParser();
  parser.feed(encodeStrings(args));
  const command = new Command();
  parser.next(command);
  interpreter.interpret(args[0] as string, command);
  return shipped;
}

const unexpected = (): never => assert.fail('everything is known of this list');
const NO_SINK: OpSink = {
  verbatim: unexpected,
  rewritten: unexpected,
  message: unexpected,
  readWhole: unexpected,
  readMembers: unexpected,
  readUnion: unexpected,
  readLibraries: unexpected,
  readFields: unexpected,
  readScores: unexpected,
  followList: unexpected,
  readDocument: unexpected,
  groupCreated: unexpected,
  streams: {
    isCut: unexpected,
    acknowledged: unexpected,
    forgetGroup: unexpected,
    needsWhole: unexpected,
  },
  readJson: unexpected,
  shiftJson: unexpected,
  unknownCommand: unexpected,
  unreplicable: unexpected,
} as const;

const member = fc.constantFrom('a', 'b', 'c');
const number = fc.integer({ min: -9, max: 9 }).map(String);
/** Removals of fields whose expiry changes are left to the simulation: there the member that changed it asserts. */
const lateMs = fc.integer({ min: 1, max: 9 }).map((n) => String(NOW_MS + n * 1_000_000));
const bit = fc.constantFrom('0', '1');
const offsetOf = (text: string): string => String(Math.abs(Number(text)) * 3);
const command = fc.oneof(
  fc.tuple(fc.constant('SET'), fc.constant('s'), number),
  fc.tuple(fc.constant('INCRBY'), fc.constant('s'), number),
  fc.constant(['DEL', 's']),
  fc.tuple(fc.constant('SETBIT'), fc.constant('b'), number.map(offsetOf), bit),
  fc.tuple(fc.constant('SET'), fc.constant('b'), number),
  fc.constant(['DEL', 'b']),
  fc.tuple(fc.constant('HSET'), fc.constant('h'), member, number),
  fc.tuple(fc.constant('HINCRBY'), fc.constant('h'), member, number),
  fc.tuple(fc.constant('HDEL'), fc.constant('h'), member),
  fc.constant(['DEL', 'h']),
  fc.tuple(fc.constant('HSET'), fc.constant('e'), member, number),
  fc.tuple(fc.constant('HINCRBY'), fc.constant('e'), member, number),
  fc.tuple(lateMs, member).map(([ms, name]) => ['HPEXPIREAT', 'e', ms, 'FIELDS', '1', name]),
  member.map((name) => ['HPERSIST', 'e', 'FIELDS', '1', name]),
  fc.tuple(fc.constant('SADD'), fc.constant('m'), member, member),
  fc.tuple(fc.constant('SREM'), fc.constant('m'), member),
  fc.constant(['DEL', 'm']),
  fc.tuple(fc.constant('ZADD'), fc.constant('z'), number, member),
  fc.tuple(fc.constant('ZINCRBY'), fc.constant('z'), number, member),
  fc.tuple(fc.constant('ZREM'), fc.constant('z'), member),
  fc.constant(['DEL', 'z']),
  fc.tuple(fc.constant('PFADD'), fc.constant('p'), member, member),
  fc.constant(['DEL', 'p']),
  fc.tuple(fc.constant('SET'), fc.constant('p'), number),
);
const place = fc.integer({ min: -4, max: 4 }).map(String);
const listCommand = fc.oneof(
  fc.tuple(fc.constantFrom('RPUSH', 'LPUSH'), fc.constant('l'), number, number),
  fc.tuple(fc.constantFrom('RPUSH', 'LPUSH'), fc.constant('l'), number),
  fc.tuple(fc.constantFrom('LPOP', 'RPOP'), fc.constant('l')),
  fc.tuple(fc.constantFrom('LPOP', 'RPOP'), fc.constant('l'), fc.constantFrom('2', '3')),
  fc.tuple(fc.constant('LSET'), fc.constant('l'), place, number),
  fc.tuple(fc.constant('LREM'), fc.constant('l'), place, number),
  fc.tuple(fc.constant('LTRIM'), fc.constant('l'), place, place),
  fc.tuple(
    fc.constant('LINSERT'),
    fc.constant('l'),
    fc.constantFrom('BEFORE', 'AFTER'),
    number,
    number,
  ),
  { weight: 1, arbitrary: fc.constant(['DEL', 'l']) },
);
const writer = fc.nat({ max: WRITERS - 1 });
/** A write, or the delivery of the next op of one writer to another. */
function stepsOf(written: fc.Arbitrary<readonly string[]>): fc.Arbitrary<Step[]> {
  const step: fc.Arbitrary<Step> = fc.oneof(
    {
      weight: 2,
      arbitrary: fc.record({ by: writer, command: written, at: fc.nat({ max: 20 }) }),
    },
    { weight: 1, arbitrary: fc.record({ from: writer, to: writer }) },
  );
  return fc.array(step, { maxLength: 80, size: 'max' });
}

type Step =
  | { readonly by: number; readonly command: readonly string[]; readonly at: number }
  | { readonly from: number; readonly to: number };

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
      const shipped = self.write(step.command);
      if (shipped === undefined) continue;
      const op = origin.write(shipped, { at: step.at });
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

function sameInEveryOrder(written: fc.Arbitrary<readonly string[]>): void {
  fc.assert(
    fc.property(stepsOf(written), choices, choices, (steps, first, second) => {
      const ops = history(steps);
      const contents = [ops, reordered(ops, first), reordered(ops, second)].map((order, i) => {
        const observer = new Member(WRITERS + i);
        for (const op of order) observer.deliver(op);
        return observer.content;
      });

      assert.equal(contents[1], contents[0]);
      assert.equal(contents[2], contents[0]);
    }),
    { numRuns: 1000 },
  );
}

test('any order that respects causality gives the same content', () => sameInEveryOrder(command));

test('any order that respects causality gives the same list', () => sameInEveryOrder(listCommand));

test('a history in which writers meet has concurrent ops', () => {
  const [seven, nine] = [7, 9].map((at, by) => ({ by, at, command: ['SET', 's', String(at)] }));
  const ops = history([seven, nine, { from: 0, to: 1 }, { from: 1, to: 0 }] as Step[]);
  assert.equal(ops.length, 2);
  assert.ok(!observed(ops[1] as LiveOp, ops[0] as LiveOp));
});
