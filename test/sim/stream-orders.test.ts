// Streams: the order in which concurrent ops arrive, how they are cut into batches, and what is forgotten in
// between must not matter. A random history is made by a few writers on one stream, with few IDs, so that equal
// ones and late ones are common; observers get it in other orders. All must show the same in the end.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { observed } from '../../src/model/op.ts';
import type { VersionVector } from '../../src/model/version-vector.ts';
import { Decider } from '../../src/replicator/decider.ts';
import { LiveIndex } from '../../src/replicator/live/live-index.ts';
import type { LiveOp } from '../../src/replicator/live/live-op.ts';
import {
  commandsIn,
  received,
  type TestOrigin,
  testOrigins,
} from '../../src/replicator/live/ops.fixture.ts';
import { ModelEngine } from './model-engine/model-engine.ts';
import { itemsOf, textOf } from './script-replies.ts';
import { registerScripts } from './scripts.ts';

const WRITERS = 3;
const MEMBERS = 6;
const NOW_MS = 1_700_000_000_000;

/** What the writers had when, to tell what is stable. */
class Knowledge {
  /** Per op: how many ops each writer had made when the op became visible there. */
  readonly #seenAt = new Map<LiveOp, (number | undefined)[]>();

  saw(writer: number, op: LiveOp, madeByWriter: number): void {
    const seen = this.#seenAt.get(op) ?? [];
    seen[writer] = madeByWriter;
    this.#seenAt.set(op, seen);
  }

  /** What nobody can be concurrent with who is not visible to a member that has `visible`. */
  frontier(ops: readonly LiveOp[], visible: VersionVector): VersionVector {
    const frontier: VersionVector = new Float64Array(MEMBERS);
    for (const op of ops) {
      if (frontier[op.origin] !== op.seq - 1 || (visible[op.origin] as number) < op.seq) continue;
      const seen = this.#seenAt.get(op) ?? [];
      const isStable = Array.from({ length: WRITERS }, (_, w) => seen[w]).every(
        (made, w) => made !== undefined && made <= (visible[w] as number),
      );
      if (isStable) frontier[op.origin] = op.seq;
    }
    return frontier;
  }
}

/** A member: an engine, and what it knows of recent ops. */
class Member {
  readonly visible: VersionVector = new Float64Array(MEMBERS);
  readonly engine: ModelEngine;
  readonly index: LiveIndex;
  readonly #client;
  readonly #decider: Decider;

  constructor(slot: number) {
    this.engine = new ModelEngine({ seed: slot + 1 });
    this.#client = this.engine.connect();
    this.index = new LiveIndex(slot, MEMBERS, () => {});
    this.#decider = new Decider(this.index);
    registerScripts(this.engine);
    this.engine.takeStream();
  }

  run(args: readonly string[]) {
    return this.engine.execute(this.#client, args, NOW_MS);
  }

  note(op: LiveOp): void {
    this.index.integrate(received(op));
    this.visible[op.origin] = op.seq;
  }

  /** Ops of one origin that become visible together. */
  deliver(ops: readonly LiveOp[]): void {
    const attempt = {
      batch: { slot: 0, ops: ops.map(received), settle: new Map() },
      refusals: 0,
      holds: false,
      measuring: [],
      measured: new Map(),
      fence: 0,
      decidedAt: 0,
      owners: [],
      commands: Buffer.alloc(0),
    };
    const decided = this.#decider.decide(attempt, new Map(), 0, NOW_MS);
    assert.ok(decided);
    for (const args of commandsIn(decided.commands)) {
      const reply = this.run(args);
      assert.notEqual(reply.kind, 'error', `${args.join(' ')}: ${JSON.stringify(reply)}`);
    }
    for (const op of ops) this.note(op);
  }

  get content(): string {
    return JSON.stringify(this.engine.dump(NOW_MS));
  }
}

/** A local write as an op with its exact effect; undefined when it changed nothing. */
function written(member: Member, command: readonly string[]): string[] | undefined {
  const reply = member.run(command);
  const bytes = member.engine.takeStream();
  if (reply.kind === 'error' || bytes.length === 0) return undefined;
  const args = commandsIn(bytes).at(-1) ?? [];
  if (args[0] !== 'XTRIM') return args;
  const [first] = itemsOf(member.run(['XRANGE', 's', '-', '+', 'COUNT', '1']));
  if (first !== undefined) {
    return ['XTRIM', 's', 'MINID', '=', textOf(itemsOf(first)[0] as never)];
  }
  return ['XTRIM', 's', 'MINID', '=', '1000-0'];
}

const id = fc.tuple(fc.integer({ min: 1, max: 3 }), fc.nat({ max: 4 })).map((at) => at.join('-'));
const value = fc.nat({ max: 1_000_000 }).map(String);
const group = fc.constantFrom('g', 'h');
const command = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(fc.constant('XADD'), fc.constant('s'), id, fc.constant('f'), value),
  },
  {
    weight: 4,
    arbitrary: fc.tuple(
      fc.constant('XADD'),
      fc.constant('s'),
      fc.constantFrom('1-*', '2-*', '3-*'),
      fc.constant('f'),
      value,
    ),
  },
  { weight: 4, arbitrary: fc.tuple(fc.constant('XDEL'), fc.constant('s'), id, id) },
  fc.tuple(fc.constant('XTRIM'), fc.constant('s'), fc.constant('MINID'), id),
  fc.tuple(
    fc.constant('XTRIM'),
    fc.constant('s'),
    fc.constant('MAXLEN'),
    fc.nat({ max: 3 }).map(String),
  ),
  fc.tuple(
    fc.constant('XGROUP'),
    fc.constant('CREATE'),
    fc.constant('s'),
    group,
    id,
    fc.constant('MKSTREAM'),
  ),
  fc.tuple(fc.constant('XGROUP'), fc.constant('CREATE'), fc.constant('s'), group, id),
  fc.tuple(fc.constant('XGROUP'), fc.constant('DESTROY'), fc.constant('s'), group),
  fc.constant(['DEL', 's']),
  fc.tuple(fc.constant('HSET'), fc.constant('s'), fc.constant('f'), value),
);
const writer = fc.nat({ max: WRITERS - 1 });
/** A write; the delivery of the next ops of one writer to another; or a look at what is stable. */
const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ by: writer, command, at: fc.nat({ max: 20 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ from: writer, to: writer, count: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 1, arbitrary: fc.record({ stabilised: writer }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

interface History {
  readonly members: readonly Member[];
  readonly ops: readonly LiveOp[];
  readonly knowledge: Knowledge;
}

function history(steps: readonly Step[]): History {
  const origins = testOrigins(MEMBERS);
  const members = Array.from({ length: WRITERS }, (_, slot) => new Member(slot));
  const knowledge = new Knowledge();
  const ops: LiveOp[] = [];
  const next = (from: number, to: Member): LiveOp | undefined => {
    const due = (to.visible[from] as number) + 1;
    const op = ops.find(({ origin, seq }) => origin === from && seq === due);
    return op?.deps.every((seq, slot) => seq <= (to.visible[slot] as number)) ? op : undefined;
  };
  const deliver = (from: number, slot: number, count: number): boolean => {
    const to = members[slot] as Member;
    const batch: LiveOp[] = [];
    const op = next(from, to);
    if (op === undefined || from === slot) return false;
    batch.push(op);
    // Those behind it may depend on others: only what is ready goes along.
    for (let seq = op.seq + 1; batch.length < count; seq++) {
      const more = ops.find((o) => o.origin === from && o.seq === seq);
      if (more === undefined || !coveredBy(more, to.visible, from)) break;
      batch.push(more);
    }
    to.deliver(batch);
    to.engine.takeStream();
    for (const each of batch) {
      origins[slot]?.sees(each);
      knowledge.saw(slot, each, to.visible[slot] as number);
    }
    return true;
  };
  for (const step of steps) {
    if ('command' in step) {
      const [origin, self] = [origins[step.by] as TestOrigin, members[step.by] as Member];
      const args = written(self, step.command);
      if (args === undefined) continue;
      const op = origin.write(args, { at: step.at });
      ops.push(op);
      self.note(op);
      knowledge.saw(step.by, op, op.seq);
    } else if ('from' in step) {
      deliver(step.from, step.to, step.count);
    } else {
      const member = members[step.stabilised] as Member;
      stabilise(member, ops, knowledge);
    }
  }
  for (let moved = true; moved; ) {
    moved = false;
    for (let to = 0; to < WRITERS; to++) {
      for (let from = 0; from < WRITERS; from++) if (deliver(from, to, 1)) moved = true;
    }
  }
  return { members, ops, knowledge };
}

function coveredBy(op: LiveOp, visible: VersionVector, besides: number): boolean {
  return op.deps.every((seq, slot) => slot === besides || seq <= (visible[slot] as number));
}

/** Twice, so that what is swept only now and then is swept. */
function stabilise(member: Member, ops: readonly LiveOp[], knowledge: Knowledge): void {
  const frontier = knowledge.frontier(ops, member.visible);
  member.index.stabilise(frontier);
  member.index.get('s')?.table?.prune(frontier);
}

/** Delivers all ops in another order in which every op still comes after all that it had observed. */
function observe(observer: Member, { ops, knowledge }: History, choices: readonly number[]): void {
  const left = [...ops];
  let batch: LiveOp[] = [];
  const flush = () => {
    if (batch.length > 0) observer.deliver(batch);
    batch = [];
  };
  for (let i = 0; left.length > 0; i++) {
    const choice = choices[i % choices.length] ?? 0;
    const ready = left.filter((op) => !left.some((other) => other !== op && observed(op, other)));
    const next = ready[choice % ready.length] as LiveOp;
    left.splice(left.indexOf(next), 1);
    const visible = observer.visible;
    const joins =
      batch.at(-1)?.origin === next.origin &&
      choice % 3 > 0 &&
      coveredBy(next, visible, next.origin);
    if (!joins) flush();
    batch.push(next);
    if (choice % 7 === 0) {
      flush();
      stabilise(observer, ops, knowledge);
    }
  }
  flush();
}

const choices = fc.array(fc.nat({ max: 1000 }), { minLength: 1, maxLength: 40 });

/** What was found to differ once. */
const FOUND: [Step[], number[], number[]][] = [
  [
    [
      { by: 2, command: ['HSET', 's', 'f', '0'], at: 0 },
      { by: 2, command: ['DEL', 's'], at: 0 },
      { by: 0, command: ['XADD', 's', '1-*', 'f', '0'], at: 0 },
      { from: 0, to: 2, count: 1 },
      { by: 1, command: ['XGROUP', 'CREATE', 's', 'g', '1-0', 'MKSTREAM'], at: 0 },
      { by: 2, command: ['XGROUP', 'CREATE', 's', 'g', '1-0'], at: 0 },
      { by: 1, command: ['XGROUP', 'DESTROY', 's', 'g'], at: 0 },
      { by: 1, command: ['XGROUP', 'CREATE', 's', 'g', '1-0', 'MKSTREAM'], at: 0 },
    ],
    [0],
    [1000],
  ],
];

test('any order that respects causality gives the same stream', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 80, size: 'max' }),
      choices,
      choices,
      (steps, first, second) => {
        const past = history(steps);
        const observers = [first, second].map((order, i) => {
          const observer = new Member(WRITERS + i);
          observe(observer, past, order);
          return observer;
        });
        const contents = [...past.members, ...observers].map(({ content }) => content);
        for (const content of contents) assert.equal(content, contents[0]);
      },
    ),
    { numRuns: 1000, examples: FOUND },
  );
});
