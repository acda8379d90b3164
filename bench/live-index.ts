// What the live index costs while a member is away: `node --expose-gc bench/live-index.ts [keys] [ops]`.
// Memory for each key and time for each op, and the same where a concurrent op has met the chain of every key.

import { HybridClock } from '../src/model/clock.ts';
import { OpKind } from '../src/model/op.ts';
import { Replicas } from '../src/model/version-vector.ts';
import { decodeOps } from '../src/replicator/apply/inbound.ts';
import { OwnOps } from '../src/replicator/interpret/own-ops.ts';
import { LiveIndex } from '../src/replicator/live/live-index.ts';
import type { LiveOp } from '../src/replicator/live/live-op.ts';
import { LoggedOps } from '../src/replicator/op-history.ts';
import { encodeStrings } from '../src/resp/encode.ts';

const [SELF, OTHER, BACK] = [0, 1, 2];
const OPS_PER_FRAME = 64;
const NOW_MS = Date.UTC(2026, 0, 1);

/** A string, a counter, a hash and a set, by the number of the key. */
function commandFor(number: number, draw: number): [OpKind, string[]] {
  const key = `outage:${String(number).padStart(12, '0')}`;
  switch (number % 4) {
    case 0:
      return [OpKind.set, ['SET', key, 'x'.repeat(32)]];
    case 1:
      return [OpKind.incr, ['INCR', key]];
    case 2:
      return [OpKind.hset, ['HSET', key, `f${draw % 4}`, 'x'.repeat(32)]];
    default:
      return [OpKind.sadd, ['SADD', key, `member:${draw % 8}`]];
  }
}

class Writer {
  readonly #own: OwnOps;
  readonly #slot: number;
  readonly #replicas: Replicas;

  constructor(replicas: Replicas, slot: number) {
    this.#replicas = replicas;
    this.#slot = slot;
    this.#own = new OwnOps(replicas, slot, new HybridClock(), 0);
  }

  /** A frame of ops on these keys. */
  frame(numbers: readonly number[]): Buffer {
    for (const number of numbers) {
      const [kind, args] = commandFor(number, Math.floor(Math.random() * 8));
      const raw = encodeStrings(args);
      const keyAt = raw.indexOf(args[1] as string, 0, 'latin1');
      this.#own.add(kind, 0, args[1] as string, keyAt, raw, 0, raw.length, NOW_MS);
      this.#own.endUnit();
    }
    const [frame] = this.#own.take();
    return Buffer.from(frame as Buffer);
  }

  ops(frame: Buffer): LiveOp[] {
    const ops: LiveOp[] = [];
    decodeOps(frame, this.#slot, this.#replicas, ops);
    return ops;
  }
}

function usedBytes(): number {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function report(what: string, figure: number, unit: string): void {
  console.log(`${what.padEnd(52)} ${figure.toFixed(figure < 10 ? 2 : 0).padStart(8)} ${unit}`);
}

function measure(keys: number, count: number): void {
  const replicas = new Replicas([1, 2, 3]);
  const writer = new Writer(replicas, OTHER);
  const history = new LoggedOps(replicas, SELF, { frameWith: () => undefined });
  const index = new LiveIndex(SELF, replicas.count, () => {}, undefined, undefined, { history });
  const before = usedBytes();
  let nanoseconds = 0;
  let frameBytes = 0;
  for (let done = 0; done < count; done += OPS_PER_FRAME) {
    const numbers = Array.from({ length: OPS_PER_FRAME }, () => Math.floor(Math.random() * keys));
    const frame = writer.frame(numbers);
    frameBytes += frame.length;
    const ops = writer.ops(frame);
    const startMs = performance.now();
    for (const op of ops) index.integrate(op);
    nanoseconds += (performance.now() - startMs) * 1e6;
  }
  const held = usedBytes() - before;
  report('keys', index.keyCount, '');
  report('ops', count, '');
  report('memory held for each key', held / index.keyCount, 'bytes');
  report('  as the index estimates it', index.bytes / index.keyCount, 'bytes');
  report('time to integrate an op', nanoseconds / count, 'ns');
  report('bytes of frames for each op', frameBytes / count, 'bytes');
}

/** A member that was away comes back: of every key it wrote something that the others had not seen. */
function measureMerges(keys: number, opsPerKey: number): void {
  const replicas = new Replicas([1, 2, 3]);
  const writer = new Writer(replicas, OTHER);
  const stored: Buffer[] = [];
  const history = new LoggedOps(replicas, SELF, {
    frameWith: (_, seq) => stored[Math.floor((seq - 1) / OPS_PER_FRAME)],
  });
  const index = new LiveIndex(SELF, replicas.count, () => {}, undefined, undefined, { history });
  const numbers = Array.from({ length: keys * opsPerKey }, (_, i) => i % keys);
  for (let at = 0; at < numbers.length; at += OPS_PER_FRAME) {
    const frame = writer.frame(numbers.slice(at, at + OPS_PER_FRAME));
    stored.push(frame);
    for (const op of writer.ops(frame)) index.integrate(op);
  }
  const back = new Writer(replicas, BACK);
  const before = usedBytes();
  let milliseconds = 0;
  for (let at = 0; at < keys; at += OPS_PER_FRAME) {
    const ops = back.ops(back.frame(numbers.slice(at, Math.min(keys, at + OPS_PER_FRAME))));
    const startMs = performance.now();
    for (const op of ops) index.integrate(op);
    milliseconds += performance.now() - startMs;
  }
  console.log(`\nconcurrent ops on ${keys} keys, of each ${opsPerKey} ops were there`);
  report('memory held for each merged key', (usedBytes() - before) / keys, 'bytes');
  report('  as the index estimates it', index.bytes / keys, 'bytes');
  report('time to merge an op', (milliseconds * 1e3) / keys, 'us');
}

measure(Number(process.argv[2] ?? 1_000_000), Number(process.argv[3] ?? 3_000_000));
measureMerges(100_000, 4);
