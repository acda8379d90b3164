// What donor and newcomer say on a tunnel whose snapshot is sent as a difference. Everything on it is a
// record; numbers are little-endian. Decoders throw CorruptInput.
//
//   record          from      body
//   tunnelBytes     both      bytes of the engines' conversation outside of the snapshot
//   snapshotUnits   donor     u32 batch, then entries: varint n; if n is even: n / 2 bytes as they are;
//                             if it is odd: the digest of a unit of (n - 1) / 2 bytes
//   snapshotLacks   newcomer  u32 batch, a bit for each of its units, from the lowest bit of the first
//                             byte on: 1 for those that the newcomer has not
//   snapshotBodies  donor     u32 batch, the units that it has not; left out when there are none
//   snapshotEnd     donor     f64 bytes of the snapshot, u32 CRC-32 of it
//
// Batches are numbered from 1. Those without a unit are not answered.

import { CorruptInput } from '../../../base/errors.ts';
import { DIGEST_BYTES, UNIT_BYTES_MAX } from '../../../rdb/units.ts';
import { encodeRecord, type Record, RecordType, recordBody } from '../../../wire/record.ts';

/** What both sides must understand alike: these messages, where units are cut, and their digests. */
export const DELTA_VERSION = 1;

const BATCH_BYTES = 4;
const END_BYTES = 12;
export const VARINT_BYTES_MAX = 5;

export const encodeTunnelBytes = (bytes: Buffer): Buffer =>
  encodeRecord(RecordType.tunnelBytes, bytes);

/** `rest` is what follows the number. */
export function encodeBatch(
  type: typeof RecordType.snapshotUnits | typeof RecordType.snapshotBodies,
  batch: number,
  rest: readonly Buffer[],
): Buffer {
  const number = Buffer.allocUnsafe(BATCH_BYTES);
  number.writeUInt32LE(batch, 0);
  return encodeRecord(type, Buffer.concat([number, ...rest]));
}

/** The number of a batch, and what follows it. */
export function decodeBatch(record: Record): { batch: number; rest: Buffer } {
  const body = recordBody(record);
  if (body.length < BATCH_BYTES) throw new CorruptInput('a batch without a number');
  return { batch: body.readUInt32LE(0), rest: body.subarray(BATCH_BYTES) };
}

/** `lacks` has one entry for each unit. */
export function encodeLacks(batch: number, lacks: readonly boolean[]): Buffer {
  const body = Buffer.alloc(BATCH_BYTES + Math.ceil(lacks.length / 8));
  body.writeUInt32LE(batch, 0);
  for (const [i, isLacking] of lacks.entries()) {
    const at = BATCH_BYTES + (i >> 3);
    if (isLacking) body[at] = (body[at] as number) | (1 << (i & 7));
  }
  return encodeRecord(RecordType.snapshotLacks, body);
}

/** Of a batch of so many units. */
export function decodeLacks(rest: Buffer, units: number): boolean[] {
  if (rest.length !== Math.ceil(units / 8)) {
    throw new CorruptInput(`an answer of ${rest.length} bytes to ${units} units`);
  }
  return Array.from({ length: units }, (_, i) => ((rest[i >> 3] as number) & (1 << (i & 7))) !== 0);
}

export interface SnapshotEnd {
  readonly bytes: number;
  readonly crc32: number;
}

export function encodeSnapshotEnd({ bytes, crc32 }: SnapshotEnd): Buffer {
  const body = Buffer.allocUnsafe(END_BYTES);
  body.writeDoubleLE(bytes, 0);
  body.writeUInt32LE(crc32, 8);
  return encodeRecord(RecordType.snapshotEnd, body);
}

export function decodeSnapshotEnd(record: Record): SnapshotEnd {
  const body = recordBody(record);
  if (body.length !== END_BYTES) throw new CorruptInput('an end of a snapshot of the wrong size');
  return { bytes: body.readDoubleLE(0), crc32: body.readUInt32LE(8) };
}

/** Writes the head of an entry, and returns where it ends. */
export function writeEntryHead(
  into: Buffer,
  start: number,
  bytes: number,
  isUnit: boolean,
): number {
  let rest = bytes * 2 + (isUnit ? 1 : 0);
  let at = start;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) into[at++] = (rest % 0x80) | 0x80;
  into[at++] = rest;
  return at;
}

/** Reads the entries of a batch, one after the other. */
export class EntryReader {
  readonly #entries: Buffer;
  #at = 0;
  /** The entry at hand: its length in the snapshot. */
  bytes = 0;
  /** Undefined: it is no unit. */
  digest: string | undefined;
  #literalAt = 0;

  constructor(entries: Buffer) {
    this.#entries = entries;
  }

  /** False: that was the last. */
  next(): boolean {
    const entries = this.#entries;
    if (this.#at >= entries.length) return false;
    let head = 0;
    for (let i = 0; ; i++) {
      const byte = entries[this.#at++];
      if (byte === undefined || i >= VARINT_BYTES_MAX) throw new CorruptInput('a cut entry');
      head += (byte & 0x7f) * 0x80 ** i;
      if (byte < 0x80) break;
    }
    const isUnit = head % 2 === 1;
    this.bytes = Math.floor(head / 2);
    this.#literalAt = this.#at;
    this.#at += isUnit ? DIGEST_BYTES : this.bytes;
    if (this.#at > entries.length) throw new CorruptInput('an entry that is cut');
    if (isUnit && (this.bytes === 0 || this.bytes > UNIT_BYTES_MAX)) {
      throw new CorruptInput(`a unit of ${this.bytes} bytes`);
    }
    this.digest = isUnit ? entries.latin1Slice(this.#literalAt, this.#at) : undefined;
    return true;
  }

  /** The bytes of an entry that is no unit. */
  get literal(): Buffer {
    return this.#entries.subarray(this.#literalAt, this.#at);
  }
}
