import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { KeyEntry } from '../key-entry.ts';
import { LiveIndex } from '../live-index.ts';
import type { LiveOp } from '../live-op.ts';
import { type TestOrigin, testOrigins } from '../ops.fixture.ts';
import type { PageStore } from './chain-nodes.ts';

const MEMBERS = 3;
const WRITES = [
  'SET $ 1',
  'SET $ 1 KEEPTTL',
  'INCR $',
  'HSET $ f 1',
  'DEL $',
  'SADD $ m',
  'RPUSH $ a',
  'APPEND $ x',
  'PEXPIREAT $ 99999999999999',
  'PFADD $ e',
];

/** Pages in memory that count how often they are asked. */
class TestStore implements PageStore {
  readonly pages = new Map<number, Buffer>();
  reads = 0;

  write(page: number, bytes: Buffer): void {
    this.pages.set(page, Buffer.from(bytes));
  }

  read(page: number, offset: number, length: number): Buffer {
    this.reads++;
    return (this.pages.get(page) as Buffer).subarray(offset, offset + length);
  }

  drop(page: number): void {
    assert.ok(this.pages.delete(page));
  }
}

function indexWith(store?: PageStore): LiveIndex {
  const options = { store, pageNodes: 4, pagesInMemory: 1 };
  return new LiveIndex(0, MEMBERS, () => {}, undefined, undefined, options);
}

function dots(entry: KeyEntry | undefined): string[] {
  return (entry?.chain() ?? []).map(({ origin, seq }) => `${origin}:${seq}`);
}

const step = fc.record({
  origin: fc.nat(MEMBERS - 1),
  key: fc.constantFrom('k', 'l', 'm'),
  write: fc.nat(WRITES.length - 1),
  /** Whether the writer has seen all that was written before. */
  sees: fc.boolean(),
  /** Everyone has what was written up to here. */
  stable: fc.boolean(),
});

test('a chain is what an entry with all its ops would hold, less what is stable', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const store = new TestStore();
      const index = indexWith(store);
      const origins = testOrigins(MEMBERS) as TestOrigin[];
      const entries = new Map<string, KeyEntry>();
      const frontier = new Float64Array(MEMBERS);
      const written: LiveOp[] = [];
      for (const { origin, key, write, sees, stable } of steps) {
        const writer = origins[origin] as TestOrigin;
        if (sees) writer.sees(...written);
        const op = writer.write((WRITES[write] as string).replace('$', key));
        written.push(op);
        const entry = entries.get(key) ?? new KeyEntry(key);
        entries.set(key, entry);
        assert.equal(index.isObserved(key, op), entry.isObservedBy(op));
        // From here on there would be a table.
        if (!entry.isObservedBy(op)) break;
        entry.append(op);
        index.integrate(op);
        if (!stable) continue;
        for (const { origin: slot, seq } of written) frontier[slot] = seq;
        for (const member of origins) member.sees(...written);
        index.stabilise(frontier);
        for (const [name, known] of entries) if (known.isStable(frontier)) entries.delete(name);
      }
      assert.ok(index.keyCount <= entries.size);
      for (const [key, entry] of entries) {
        const live = entry.chain().filter((op) => op.seq > (frontier[op.origin] as number));
        const expected = live.map(({ origin, seq }) => `${origin}:${seq}`);
        assert.deepEqual(dots(index.inspect(key)), expected);
        assert.equal(index.get(key)?.holdsUnknown ?? false, entry.holdsUnknown);
      }
    }),
    { numRuns: 300 },
  );
});

test('what one key gathers goes to the store, is read from there, and goes when it is stable', () => {
  const store = new TestStore();
  const index = indexWith(store);
  const [first, second] = testOrigins(MEMBERS) as [TestOrigin, TestOrigin];
  const ops: LiveOp[] = [];
  for (let i = 0; i < 100; i++) ops.push(first.write('INCR k'));
  for (const op of ops) index.integrate(op);
  assert.ok(store.pages.size >= 20);
  assert.ok(index.storedBytes > 0);
  index.integrate(second.write('INCR k'));
  assert.ok(store.reads > 0);
  assert.equal(index.get('k')?.table?.cell('string', '')?.size, 101);
  index.stabilise(Float64Array.from([100, 1, 0]));
  assert.equal(store.pages.size, 0);
  assert.equal(index.storedBytes, 0);
  assert.equal(index.keyCount, 0);
});

test('many keys come and go, each with its own chain, and memory goes with them', () => {
  const index = indexWith();
  const [first] = testOrigins(MEMBERS) as [TestOrigin];
  const empty = index.bytes;
  const last = new Map<string, LiveOp>();
  for (let i = 0; i < 30_000; i++) {
    const op = first.write(`SET key:${(i * 7919) % 10_007} v`);
    last.set(op.key, op);
    index.integrate(op);
  }
  assert.equal(index.keyCount, 10_007);
  for (const [key, op] of last) assert.deepEqual(dots(index.inspect(key)), [`0:${op.seq}`]);
  const half = Float64Array.from([25_000, 0, 0]);
  index.stabilise(half);
  while (index.isSweeping) index.sweep();
  for (const [key, op] of last) {
    assert.deepEqual(dots(index.inspect(key)), op.seq > 25_000 ? [`0:${op.seq}`] : []);
  }
  index.stabilise(Float64Array.from([30_000, 0, 0]));
  while (index.isSweeping) index.sweep();
  assert.equal(index.keyCount, 0);
  assert.ok(index.bytes < empty * 1.2, `${index.bytes} bytes are left, ${empty} there were`);
});
