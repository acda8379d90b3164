import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { observed } from '../../model/op.ts';
import { CommandWriter } from '../../resp/command-writer.ts';
import { KeyEntry } from '../live/key-entry.ts';
import { LIBRARIES, libraryArgs } from '../live/libraries/library-effect.ts';
import { LiveIndex } from '../live/live-index.ts';
import type { LiveOp } from '../live/live-op.ts';
import { commandsIn, received, type TestOrigin, testOrigins } from '../live/ops.fixture.ts';
import { resolve, writeVerbatim } from './resolve.ts';
import { writeSettled } from './settled.ts';

const NOW_MS = 1000;

function written(write: (out: CommandWriter) => void): string[] {
  const out = new CommandWriter();
  write(out);
  return commandsIn(out.take()).map((args) => args.join(' '));
}

function entryOf(before: LiveOp[]): KeyEntry {
  const index = new LiveIndex(0, 3, () => {});
  for (const op of before) index.integrate(received(op));
  return index.get(LIBRARIES)?.fork() ?? new KeyEntry(LIBRARIES);
}

/** What the engine must do for `op`, where `before` have been delivered. */
function resolved(before: LiveOp[], op: LiveOp): string[] {
  return written((out) => resolve(received(op), entryOf(before), out, NOW_MS));
}

function three(): [TestOrigin, TestOrigin, TestOrigin] {
  return testOrigins() as [TestOrigin, TestOrigin, TestOrigin];
}

const load = (name: string, source: string) => libraryArgs('LOAD', name, source);

describe('libraries of functions', () => {
  test('say what the engine understands where nothing is concurrent', () => {
    const [a] = three();
    const verbatim = (args: string[]) =>
      written((out) => writeVerbatim(a.write(args), out, NOW_MS));
    assert.deepEqual(verbatim(load('x', 'source')), ['FUNCTION LOAD REPLACE source']);
    assert.deepEqual(verbatim(libraryArgs('DELETE', 'x')), ['FUNCTION DELETE x']);
    assert.deepEqual(verbatim(libraryArgs('FLUSH')), ['FUNCTION FLUSH']);
  });

  test('of one name: the newest wins', () => {
    const [a, b] = three();
    const older = a.write(load('x', 'older'), { at: 1 });
    const newer = b.write(load('x', 'newer'), { at: 2 });
    assert.deepEqual(resolved([older], newer), ['FUNCTION LOAD REPLACE newer']);
    assert.deepEqual(resolved([newer], older), []);
  });

  test('survive a removal that had not seen them', () => {
    const [a, b] = three();
    const unseen = a.write(load('x', 'unseen'));
    assert.deepEqual(resolved([unseen], b.write(libraryArgs('DELETE', 'x'))), [
      'FUNCTION LOAD REPLACE unseen',
    ]);
    assert.deepEqual(resolved([unseen], b.write(libraryArgs('FLUSH'))), [
      'FUNCTION FLUSH',
      'FUNCTION LOAD REPLACE unseen',
    ]);
  });

  test('are not deleted twice: the engine would refuse that', () => {
    const [a, b, c] = three();
    const base = c.write(load('x', 'base'));
    const first = a.sees(base).write(libraryArgs('DELETE', 'x'));
    assert.deepEqual(resolved([base, first], b.sees(base).write(libraryArgs('DELETE', 'x'))), []);
    const flush = a.write(libraryArgs('FLUSH'));
    assert.deepEqual(resolved([base, flush], b.write(libraryArgs('DELETE', 'x'))), []);
  });

  test('are settled by what the live contributions say', () => {
    const [a, b] = three();
    const older = a.write(load('x', 'older'), { at: 1 });
    const newer = b.write(load('x', 'newer'), { at: 2 });
    const settled = (ops: LiveOp[]) =>
      written((out) => writeSettled(entryOf(ops), 'value', out, NOW_MS));
    assert.deepEqual(settled([newer, older]), ['FUNCTION LOAD REPLACE newer']);
    assert.deepEqual(settled([b.write(libraryArgs('FLUSH')), older]), [
      'FUNCTION FLUSH',
      'FUNCTION LOAD REPLACE older',
    ]);
    const [c, d] = three();
    const gone = c.write(libraryArgs('DELETE', 'y'));
    assert.deepEqual(settled([gone, d.write(libraryArgs('DELETE', 'y'))]), ['FUNCTION DELETE y']);
  });
});

/** A member as far as its libraries go. */
class Member {
  readonly sources = new Map<string, string>();
  readonly #seen = new Set<LiveOp>();
  readonly #index = new LiveIndex(2, 3, () => {});

  has(op: LiveOp): boolean {
    return this.#seen.has(op);
  }

  deliver(op: LiveOp): void {
    this.#seen.add(op);
    const entry = this.#index.get(op.key);
    const commands = written((out) => {
      if (entry === undefined || entry.isObservedBy(op)) writeVerbatim(op, out, NOW_MS);
      else resolve(received(op), entry.fork(), out, NOW_MS);
    });
    for (const command of commands) this.#run(command.split(' '));
    this.#index.integrate(received(op));
  }

  /** Sources begin with the name of their library here. */
  #run([, verb, name = '', source = '']: string[]): void {
    if (verb === 'FLUSH') this.sources.clear();
    else if (verb === 'LOAD') this.sources.set(source.charAt(0), source);
    else assert.ok(this.sources.delete(name), `${name} is not there`);
  }

  get content(): string {
    return JSON.stringify([...this.sources].sort());
  }
}

const step = fc.record({
  verb: fc.constantFrom('LOAD', 'LOAD', 'LOAD', 'DELETE', 'DELETE', 'FLUSH'),
  name: fc.constantFrom('x', 'y', 'z'),
  by: fc.nat({ max: 1 }),
  at: fc.nat({ max: 9 }),
  /** The writer first gets what the other has written. */
  meets: fc.boolean(),
});
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

function history(steps: readonly Step[]): LiveOp[] {
  const origins = three();
  const members = [new Member(), new Member()];
  const ops: LiveOp[] = [];
  for (const { verb, name, by, at, meets } of steps) {
    const [origin, member] = [origins[by] as TestOrigin, members[by] as Member];
    for (const op of meets ? ops.filter((one) => !member.has(one)) : []) {
      member.deliver(op);
      origin.sees(op);
    }
    if (verb === 'DELETE' && !member.sources.has(name)) continue;
    const rest = verb === 'LOAD' ? [name, `${name}${ops.length}`] : [name];
    const op = origin.write(libraryArgs(verb, ...rest), { at });
    ops.push(op);
    member.deliver(op);
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

test('libraries are the same in any order that respects causality', () => {
  const choices = fc.array(fc.nat({ max: 100 }), { minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 14 }), choices, (steps, order) => {
      const ops = history(steps);
      const [first, second] = [ops, reordered(ops, order)].map((delivered) => {
        const member = new Member();
        for (const op of delivered) member.deliver(op);
        return member.content;
      });
      assert.equal(second, first);
    }),
    { numRuns: 500 },
  );
});
