// Ops of other origins that have arrived and are not visible in this engine yet: per origin in sequence
// order, cut into batches. A unit (a transaction at its origin) is never split, and a batch holds ops
// of one origin only, so within a batch every op has observed the ones before it.

import { CorruptInput } from '../../base/errors.ts';
import type { Timestamp } from '../../model/clock.ts';
import { indexName, isOutsideKeyspace, isOutsideKind, isWrite, OpKind } from '../../model/op.ts';
import {
  type Replicas,
  type Slot,
  sameVector,
  type VersionVector,
} from '../../model/version-vector.ts';
import { decodeFrameHeader, OpCursor } from '../../wire/frame.ts';
import { LiveOp } from '../live/live-op.ts';
import type { Settlement } from '../live/settlement.ts';

/** WATCH costs the square of the keys that one connection watches. */
const BATCH_KEYS_MAX = 192;
const BATCH_OPS_MAX = 512;
const BATCH_BYTES_MAX = 256 * 1024;

const NOTHING_TO_SETTLE: ReadonlyMap<string, Settlement> = new Map();

/** Consecutive ops of one origin that become visible together. */
export interface Batch {
  /** -1 for a batch that only settles keys. */
  readonly slot: Slot;
  ops: LiveOp[];
  /** Keys to settle from the live index, in a batch without ops. */
  readonly settle: ReadonlyMap<string, Settlement>;
}

/** Kinds that commute with whatever a client does meanwhile: their keys need no WATCH. */
export function commutes(kind: OpKind): boolean {
  return (
    kind === OpKind.incr ||
    kind === OpKind.incrFloat ||
    kind === OpKind.hincr ||
    kind === OpKind.zincr ||
    kind === OpKind.sadd ||
    kind === OpKind.pfadd ||
    !isWrite(kind) ||
    isOutsideKind(kind)
  );
}

/** The keys of a batch that must not change between decision and execution; some may come twice. */
export function watchedKeys(batch: Batch): string[] {
  const keys = [...batch.settle.keys()].filter((key) => !isOutsideKeyspace(key));
  for (const op of batch.ops) {
    if (!commutes(op.kind) && op.key !== keys.at(-1)) keys.push(op.key);
  }
  return keys;
}

interface Frame {
  readonly bytes: Buffer;
  readonly lastSeq: number;
}

class OriginQueue {
  /** Arrived, not decoded. */
  frames: Frame[] = [];
  frameHead = 0;
  /** Decoded, from `head` on. */
  ops: LiveOp[] = [];
  head = 0;
  /** Highest sequence that has arrived without a gap. */
  received = 0;
  bytes = 0;
}

export class Inbound {
  readonly #replicas: Replicas;
  readonly #self: Slot;
  readonly #queues: OriginQueue[];
  #turn = 0;
  /** Ops with a greater timestamp are not taken: they come from a clock that is ahead. */
  newest: Timestamp = Number.POSITIVE_INFINITY;

  constructor(replicas: Replicas, self: Slot) {
    this.#replicas = replicas;
    this.#self = self;
    this.#queues = replicas.ids.map(() => new OriginQueue());
  }

  received(slot: Slot): number {
    return this.#queue(slot).received;
  }

  /** Sets where an origin's ops begin, before any arrived. */
  startAt(slot: Slot, seq: number): void {
    this.#queue(slot).received = seq;
  }

  /** Bytes of frames of `slot` that wait to be applied. */
  waitingBytes(slot: Slot): number {
    return this.#queue(slot).bytes;
  }

  /** What is held of `slot` because its timestamps are too new: frames, and the first timestamp. */
  heldOf(slot: Slot): { frames: number; timestamp: Timestamp } | undefined {
    const queue = this.#queue(slot);
    let frames = queue.frames.length - queue.frameHead;
    const op = queue.ops[queue.head];
    const frame = queue.frames[queue.frameHead];
    if (op !== undefined) frames++;
    const timestamp =
      op?.timestamp ?? (frame && decodeFrameHeader(frame.bytes).firstTimestamp) ?? 0;
    return timestamp > this.newest ? { frames, timestamp } : undefined;
  }

  get waitingOps(): number {
    let count = 0;
    for (const queue of this.#queues) {
      count += queue.received - (queue.ops[queue.head]?.seq ?? this.#undecodedFrom(queue)) + 1;
    }
    return count;
  }

  /** Takes a frame in. False: it was here already. Throws CorruptInput when it leaves a gap. */
  accept(slot: Slot, firstSeq: number, count: number, bytes: Buffer): boolean {
    const queue = this.#queue(slot);
    const lastSeq = firstSeq + count - 1;
    if (lastSeq <= queue.received) return false;
    if (firstSeq !== queue.received + 1) {
      throw new CorruptInput(
        `ops of replica ${this.#replicas.idOf(slot)} begin at ${firstSeq}, ` +
          `but ${queue.received + 1} was due`,
      );
    }
    queue.received = lastSeq;
    queue.frames.push({ bytes, lastSeq });
    queue.bytes += bytes.length;
    return true;
  }

  /** The next batch whose deps `scheduled` covers, fairly among origins; advances `scheduled`. */
  take(scheduled: VersionVector): Batch | undefined {
    const count = this.#queues.length;
    for (let i = 0; i < count; i++) {
      const slot = (this.#turn + i) % count;
      if (slot === this.#self) continue;
      const ops = this.#takeFrom(slot, scheduled);
      if (ops.length === 0) continue;
      this.#turn = slot + 1;
      scheduled[slot] = (ops.at(-1) as LiveOp).seq;
      return { slot, ops, settle: NOTHING_TO_SETTLE };
    }
    return undefined;
  }

  /** Puts ops back in front: they will be taken again. */
  putBack(slot: Slot, ops: readonly LiveOp[]): void {
    if (ops.length === 0) return;
    const queue = this.#queue(slot);
    queue.ops = [...ops, ...queue.ops.slice(queue.head)];
    queue.head = 0;
  }

  /** Takes out everything of `slot` up to `seq`: the engine has it already. */
  takeUpTo(slot: Slot, seq: number): LiveOp[] {
    const queue = this.#queue(slot);
    const taken: LiveOp[] = [];
    for (;;) {
      if (queue.head === queue.ops.length && !this.#decodeNext(slot, queue)) break;
      const op = queue.ops[queue.head] as LiveOp;
      if (op.seq > seq) break;
      taken.push(op);
      queue.head++;
    }
    return taken;
  }

  /** Drops what of `slot` waits to be applied: it never can be. */
  discard(slot: Slot): void {
    const { received } = this.#queue(slot);
    this.#queues[slot] = new OriginQueue();
    this.startAt(slot, received);
  }

  /** The dependency that keeps the next op of `slot` waiting, if one does. */
  blockedOn(slot: Slot, scheduled: VersionVector): { slot: Slot; seq: number } | undefined {
    const queue = this.#queue(slot);
    if (queue.head === queue.ops.length && !this.#decodeNext(slot, queue)) return undefined;
    const { deps } = queue.ops[queue.head] as LiveOp;
    for (let s = 0; s < deps.length; s++) {
      if (s === this.#self || s === slot) continue;
      if ((deps[s] as number) > (scheduled[s] as number))
        return { slot: s, seq: deps[s] as number };
    }
    return undefined;
  }

  #takeFrom(slot: Slot, scheduled: VersionVector): LiveOp[] {
    const queue = this.#queue(slot);
    let keys = 0;
    let lastKey: string | undefined;
    let bytes = 0;
    let deps: VersionVector | undefined;
    // Behind the last whole unit that goes into the batch; scanning may run ahead of it.
    let end = queue.head;
    for (let at = queue.head; at < queue.ops.length || this.#decodeNext(slot, queue); at++) {
      const op = queue.ops[at] as LiveOp;
      if (op.deps !== deps) {
        if (op.timestamp > this.newest || !coversOthers(scheduled, op.deps, this.#self)) break;
        deps = op.deps;
      }
      bytes += op.rawEnd - op.rawAt;
      if (!commutes(op.kind) && op.key !== lastKey) {
        lastKey = op.key;
        keys++;
      }
      if (!op.endsUnit) continue;
      const full = keys >= BATCH_KEYS_MAX || bytes >= BATCH_BYTES_MAX;
      const over = keys > BATCH_KEYS_MAX || bytes > BATCH_BYTES_MAX;
      if (over && end > queue.head) break;
      end = at + 1;
      if (full || end - queue.head >= BATCH_OPS_MAX) break;
    }
    const taken = queue.ops.slice(queue.head, end);
    queue.head = end;
    if (queue.head === queue.ops.length) {
      queue.ops = [];
      queue.head = 0;
    } else if (queue.head > 8192) {
      queue.ops = queue.ops.slice(queue.head);
      queue.head = 0;
    }
    return taken;
  }

  #decodeNext(slot: Slot, queue: OriginQueue): boolean {
    const frame = queue.frames[queue.frameHead];
    if (frame === undefined) return false;
    queue.frameHead++;
    if (queue.frameHead === queue.frames.length) {
      queue.frames = [];
      queue.frameHead = 0;
    }
    queue.bytes -= frame.bytes.length;
    decodeOps(frame.bytes, slot, this.#replicas, queue.ops);
    return true;
  }

  #undecodedFrom(queue: OriginQueue): number {
    const frame = queue.frames[queue.frameHead];
    if (frame === undefined) return queue.received + 1;
    return decodeFrameHeader(frame.bytes).firstSeq;
  }

  #queue(slot: Slot): OriginQueue {
    return this.#queues[slot] as OriginQueue;
  }
}

/** Own ops are always visible here, whatever a vector on the way says. */
function coversOthers(a: VersionVector, b: VersionVector, self: Slot): boolean {
  for (let i = 0; i < b.length; i++) {
    if (i !== self && (a[i] as number) < (b[i] as number)) return false;
  }
  return true;
}

/** Appends the ops of a frame to `ops`. Throws CorruptInput. */
export function decodeOps(bytes: Buffer, slot: Slot, replicas: Replicas, ops: LiveOp[]): void {
  const header = decodeFrameHeader(bytes);
  const deps = replicas.fromEntries(header.deps);
  deps[slot] = 0;
  const cursor = new OpCursor(bytes, header.opsAt);
  let seq = header.firstSeq;
  let timestamp = header.firstTimestamp;
  while (cursor.next()) {
    const kind = cursor.kind as OpKind;
    const key = indexName(kind, bytes.latin1Slice(cursor.keyAt, cursor.keyEnd));
    ops.push(
      new LiveOp(
        slot,
        seq++,
        timestamp++,
        deps,
        kind,
        cursor.flags,
        key,
        bytes,
        cursor.rawAt,
        cursor.rawEnd,
      ),
    );
  }
  if (seq !== header.firstSeq + header.count) throw new CorruptInput('frame holds too few ops');
}

/** One op of a frame, without the frame. `known` is its key, and deps that are used again if they are those of
 * the op: there may be many ops to keep. Throws CorruptInput. */
export function decodeOp(
  bytes: Buffer,
  slot: Slot,
  replicas: Replicas,
  seq: number,
  known: { readonly key: string; readonly deps: VersionVector },
): LiveOp {
  const header = decodeFrameHeader(bytes);
  let deps = replicas.fromEntries(header.deps);
  deps[slot] = 0;
  if (sameVector(deps, known.deps)) deps = known.deps;
  const cursor = new OpCursor(bytes, header.opsAt);
  for (let at = header.firstSeq; cursor.next(); at++) {
    if (at !== seq) continue;
    const { flags, rawAt, rawEnd } = cursor;
    const kind = cursor.kind as OpKind;
    const timestamp = header.firstTimestamp + seq - header.firstSeq;
    const { key } = known;
    const op = new LiveOp(slot, seq, timestamp, deps, kind, flags, key, bytes, rawAt, rawEnd);
    op.detach();
    return op;
  }
  throw new CorruptInput(`the frame has no op ${seq}`);
}
