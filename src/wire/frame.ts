// A frame: consecutive ops of one origin that share their deps. It is built once, at the origin, and
// the same bytes are stored, sent, forwarded and stored again.
//
//   record header (record.ts)
//   u32 origin          replica id
//   u32 ops             how many
//   f64 first sequence  op i has sequence first + i
//   f64 first timestamp op i has timestamp first + i
//   f64 captured at     wall-clock ms at the origin
//   f64 position        replication offset of the origin's engine behind the last op
//   u32 deps            how many entries follow
//   deps x { u32 replica id, f64 sequence }
//   ops  x { u8 kind, u8 flags, u16 key offset in raw, u32 key length, u32 raw length, raw }

import { CorruptInput } from '../base/errors.ts';
import type { Timestamp } from '../model/clock.ts';
import { OP_KIND_MAX } from '../model/op.ts';
import type { ReplicaId, VersionEntries } from '../model/version-vector.ts';
import { RECORD_HEADER_BYTES, RecordType, sealRecord } from './record.ts';

/** A frame is closed at this size; only a single op with a huge value makes a longer one. */
export const FRAME_BYTES_TARGET = 64 * 1024;

const SLAB_BYTES = 256 * 1024;
const FIXED_BYTES = 44;
const DEP_BYTES = 12;
export const OP_HEADER_BYTES = 12;
const BODY = RECORD_HEADER_BYTES;

export interface FrameHeader {
  readonly origin: ReplicaId;
  readonly count: number;
  readonly firstSeq: number;
  readonly firstTimestamp: Timestamp;
  /** Wall-clock milliseconds, with fraction. */
  readonly capturedAt: number;
  /** Replication offset in the origin's stream. */
  readonly position: number;
  readonly deps: VersionEntries;
  /** Where in the record's bytes the ops begin. */
  readonly opsAt: number;
}

/** Builds frames in slabs. Ops are copied in once and stay where they are: others may keep slices. */
export class FrameWriter {
  readonly #origin: ReplicaId;
  #slab: Buffer = Buffer.allocUnsafeSlow(SLAB_BYTES);
  #start = 0;
  #at = 0;
  #count = 0;
  #open = false;

  constructor(origin: ReplicaId) {
    this.#origin = origin;
  }

  get isOpen(): boolean {
    return this.#open;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether `rawBytes` more fit into the open frame; when not, close it and begin another. */
  hasRoomFor(rawBytes: number): boolean {
    const size = this.#at - this.#start + OP_HEADER_BYTES + rawBytes;
    return (
      this.#at + OP_HEADER_BYTES + rawBytes <= this.#slab.length &&
      (size <= FRAME_BYTES_TARGET || this.#count === 0)
    );
  }

  /** Opens a frame with room for a first op of `rawBytes`. */
  begin(
    deps: VersionEntries,
    firstSeq: number,
    firstTimestamp: Timestamp,
    capturedAt: number,
    rawBytes: number,
  ): void {
    const needed = BODY + FIXED_BYTES + deps.length * DEP_BYTES + OP_HEADER_BYTES + rawBytes;
    if (this.#at + needed > this.#slab.length) {
      this.#slab = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, needed));
      this.#at = 0;
    }
    this.#start = this.#at;
    this.#count = 0;
    this.#open = true;
    const slab = this.#slab;
    let at = this.#start + BODY;
    slab.writeUInt32LE(this.#origin, at);
    slab.writeDoubleLE(firstSeq, at + 8);
    slab.writeDoubleLE(firstTimestamp, at + 16);
    slab.writeDoubleLE(capturedAt, at + 24);
    slab.writeUInt32LE(deps.length, at + 40);
    at += FIXED_BYTES;
    for (const [id, seq] of deps) {
      slab.writeUInt32LE(id, at);
      slab.writeDoubleLE(seq, at + 4);
      at += DEP_BYTES;
    }
    this.#at = at;
  }

  /** Adds an op whose raw command is `source[from, to)`; returns where raw begins in `buffer`. */
  add(
    kind: number,
    flags: number,
    keyOffset: number,
    keyLength: number,
    source: Buffer,
    from: number,
    to: number,
  ): number {
    const slab = this.#slab;
    const at = this.#at;
    slab[at] = kind;
    slab[at + 1] = flags;
    slab.writeUInt16LE(keyOffset, at + 2);
    slab.writeUInt32LE(keyLength, at + 4);
    slab.writeUInt32LE(to - from, at + 8);
    const rawAt = at + OP_HEADER_BYTES;
    source.copy(slab, rawAt, from, to);
    this.#at = rawAt + (to - from);
    this.#count++;
    return rawAt;
  }

  /** The buffer that the last `add` wrote into. */
  get buffer(): Buffer {
    return this.#slab;
  }

  /** Sets a flag of an op that was added before, by the place of its raw command. */
  addFlag(buffer: Buffer, rawAt: number, flag: number): void {
    const at = rawAt - OP_HEADER_BYTES + 1;
    buffer[at] = (buffer[at] as number) | flag;
  }

  /** Closes the frame without its checksum, which `sealFrame` adds when no flag will change. */
  end(position: number): Buffer {
    const slab = this.#slab;
    const body = this.#start + BODY;
    slab.writeUInt32LE(this.#count, body + 4);
    slab.writeDoubleLE(position, body + 32);
    this.#open = false;
    return slab.subarray(this.#start, this.#at);
  }
}

/** Completes a frame that FrameWriter.end returned: it may now be stored and sent. */
export function sealFrame(bytes: Buffer): Buffer {
  sealRecord(bytes, 0, bytes.length, RecordType.ops);
  return bytes;
}

/** The sealed frame without what some of its ops say: each of them is left as an op of `kind` that has `flagsLeft` of its
 * flags. `taken` are places in the frame. */
export function withoutOps(
  bytes: Buffer,
  taken: ReadonlySet<number>,
  kind: number,
  flagsLeft: number,
): Buffer {
  const { opsAt } = decodeFrameHeader(bytes);
  const left = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(left, BODY, BODY, opsAt);
  const cursor = new OpCursor(bytes, opsAt);
  let at = opsAt;
  for (let i = 0; cursor.next(); i++) {
    const opAt = cursor.rawAt - OP_HEADER_BYTES;
    if (!taken.has(i)) {
      at += bytes.copy(left, at, opAt, cursor.rawEnd);
      continue;
    }
    left.fill(0, at, at + OP_HEADER_BYTES);
    left[at] = kind;
    left[at + 1] = cursor.flags & flagsLeft;
    at += OP_HEADER_BYTES;
  }
  // A copy of its own size: what is kept must not keep the room that was saved.
  return sealFrame(Buffer.from(left.subarray(0, at)));
}

/** Decodes the head of an ops record. Throws CorruptInput. */
export function decodeFrameHeader(bytes: Buffer): FrameHeader {
  if (bytes.length < BODY + FIXED_BYTES) throw new CorruptInput('frame is shorter than its header');
  const depCount = bytes.readUInt32LE(BODY + 40);
  const opsAt = BODY + FIXED_BYTES + depCount * DEP_BYTES;
  if (opsAt > bytes.length) throw new CorruptInput('frame is shorter than its deps');
  const deps: [ReplicaId, number][] = [];
  for (let i = 0, at = BODY + FIXED_BYTES; i < depCount; i++, at += DEP_BYTES) {
    deps.push([bytes.readUInt32LE(at), bytes.readDoubleLE(at + 4)]);
  }
  const header = {
    origin: bytes.readUInt32LE(BODY),
    count: bytes.readUInt32LE(BODY + 4),
    firstSeq: bytes.readDoubleLE(BODY + 8),
    firstTimestamp: bytes.readDoubleLE(BODY + 16),
    capturedAt: bytes.readDoubleLE(BODY + 24),
    position: bytes.readDoubleLE(BODY + 32),
    deps,
    opsAt,
  };
  if (
    header.count === 0 ||
    !Number.isSafeInteger(header.firstSeq) ||
    header.firstSeq < 1 ||
    !Number.isSafeInteger(header.firstTimestamp)
  ) {
    throw new CorruptInput('frame header holds impossible numbers');
  }
  return header;
}

/** Walks the ops of a frame without allocating: read the fields after each `next`. */
export class OpCursor {
  kind = 0;
  flags = 0;
  keyAt = 0;
  keyEnd = 0;
  rawAt = 0;
  rawEnd = 0;
  readonly #bytes: Buffer;
  #at: number;

  constructor(bytes: Buffer, opsAt: number) {
    this.#bytes = bytes;
    this.#at = opsAt;
  }

  /** Steps to the next op; false behind the last. Throws CorruptInput on an op that overlaps its end. */
  next(): boolean {
    const bytes = this.#bytes;
    const at = this.#at;
    if (at === bytes.length) return false;
    if (at + OP_HEADER_BYTES > bytes.length)
      throw new CorruptInput('op is shorter than its header');
    this.kind = bytes[at] as number;
    this.flags = bytes[at + 1] as number;
    this.rawAt = at + OP_HEADER_BYTES;
    this.rawEnd = this.rawAt + bytes.readUInt32LE(at + 8);
    this.keyAt = this.rawAt + bytes.readUInt16LE(at + 2);
    this.keyEnd = this.keyAt + bytes.readUInt32LE(at + 4);
    if (this.kind < 1 || this.kind > OP_KIND_MAX) {
      throw new CorruptInput(`op of unknown kind ${this.kind}`);
    }
    if (this.rawEnd > bytes.length || this.keyEnd > this.rawEnd) {
      throw new CorruptInput('op is longer than its frame');
    }
    this.#at = this.rawEnd;
    return true;
  }
}
