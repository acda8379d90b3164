// The envelope that log segments and links share.
//
//   u32 length   of the body
//   u32 guard    the length again, xored with a constant
//   u32 crc32    of the type byte and the body
//   u8  type
//   ...body
//
// The guard makes a corrupt length fail at once instead of letting a reader wait for bytes that never
// come. The checksum is verified once, where bytes enter the process (RecordReader); inside, records
// are trusted.

import { crc32 } from 'node:zlib';
import { CorruptInput } from '../base/errors.ts';

export const RECORD_HEADER_BYTES = 13;

/** What a length is xored with to make its guard. */
export const LENGTH_GUARD = 0x41544f4c;

/** No record is longer: a frame is closed long before, only one huge value comes near. */
export const RECORD_BYTES_MAX = 768 * 1024 * 1024;

export const RecordType = {
  /** A frame of ops (frame.ts); on links and in the log. */
  ops: 1,
  /** Log: remote ops became visible in this engine. */
  visible: 2,
  /** Log: state from which the rest of the segment can be replayed. */
  checkpoint: 3,
  /** Log: so many bytes of records follow that count only together. */
  batch: 4,
  /** Log: what the engine showed of some keys where a batch of remote ops was decided. */
  measured: 5,
  /** Log: the length of a list that is followed from here on. */
  followed: 6,
  /** Log: what stands before is a copy of another member's log. */
  forked: 7,
  /** Log: keys on which all ops so far are stable, after concurrent ones had met there. */
  over: 8,
  /** Link: who I am and what I have. */
  hello: 16,
  /** Link: refused, with the reason. */
  refused: 17,
  /** Link: what I have applied. */
  ack: 18,
  /** Link: clock probe and its answer. */
  ping: 19,
  pong: 20,
  /** Link: send me ops of another origin that you hold. */
  want: 21,
  /** Link: one or more records, compressed with zstd. */
  compressed: 22,
  /** Link, instead of a hello: open a tunnel for a member that joins; and the answer that it stands. */
  tunnel: 23,
  tunnelled: 24,
  /** Tunnel: a piece of a log that is handed over, and the end of it. */
  logPiece: 25,
  logEnd: 26,
  /** Tunnel whose snapshot is sent as a difference: bytes as they are, and the messages of join/delta. */
  tunnelBytes: 27,
  snapshotUnits: 28,
  snapshotLacks: 29,
  snapshotBodies: 30,
  snapshotEnd: 31,
} as const;
export type RecordType = (typeof RecordType)[keyof typeof RecordType];

/** Fills the header of a record whose body already stands behind the header, up to `end`. */
export function sealRecord(buffer: Buffer, start: number, end: number, type: RecordType): void {
  const length = end - start - RECORD_HEADER_BYTES;
  buffer.writeUInt32LE(length, start);
  buffer.writeUInt32LE((length ^ LENGTH_GUARD) >>> 0, start + 4);
  buffer[start + 12] = type;
  buffer.writeUInt32LE(crc32(buffer.subarray(start + 12, end)), start + 8);
}

/** Builds a whole record around `body`. */
export function encodeRecord(type: RecordType, body: Buffer): Buffer {
  const record = Buffer.allocUnsafe(RECORD_HEADER_BYTES + body.length);
  body.copy(record, RECORD_HEADER_BYTES);
  sealRecord(record, 0, record.length, type);
  return record;
}

/** A record that has been checked. `bytes` is the whole of it, header included. */
export type Record = { readonly type: number; readonly bytes: Buffer };

export function recordBody(record: Record): Buffer {
  return record.bytes.subarray(RECORD_HEADER_BYTES);
}

/** Cuts a byte stream into checked records. Feed it anything; it throws CorruptInput on nonsense. */
export class RecordReader {
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #needed = RECORD_HEADER_BYTES;

  feed(chunk: Buffer): void {
    if (chunk.length === 0) return;
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
  }

  /** Bytes fed that do not yet make a record. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Takes back what was fed and makes no record: the rest of the stream is no records. */
  takeRest(): Buffer {
    const rest = Buffer.concat(this.#pending, this.#pendingBytes);
    this.#pending = [];
    this.#pendingBytes = 0;
    this.#needed = RECORD_HEADER_BYTES;
    return rest;
  }

  /** The next record, or undefined when more bytes are needed. */
  next(): Record | undefined {
    if (this.#pendingBytes < this.#needed) return undefined;
    // Joined only once all bytes of the record are there, so a long record is copied once.
    let buffer = this.#pending[0] as Buffer;
    if (this.#pending.length > 1) {
      buffer = Buffer.concat(this.#pending, this.#pendingBytes);
      this.#pending = [buffer];
    }
    const length = buffer.readUInt32LE(0);
    if (buffer.readUInt32LE(4) !== (length ^ LENGTH_GUARD) >>> 0) {
      throw new CorruptInput('these bytes are not the start of a record');
    }
    if (length > RECORD_BYTES_MAX) {
      throw new CorruptInput(`record of ${length} bytes, at most ${RECORD_BYTES_MAX} are allowed`);
    }
    const total = RECORD_HEADER_BYTES + length;
    if (this.#pendingBytes < total) {
      this.#needed = total;
      return undefined;
    }
    const bytes = buffer.subarray(0, total);
    const sum = crc32(bytes.subarray(12));
    if (sum !== bytes.readUInt32LE(8)) {
      throw new CorruptInput(`checksum ${sum} of a record does not match ${bytes.readUInt32LE(8)}`);
    }
    this.#needed = RECORD_HEADER_BYTES;
    this.#pendingBytes -= total;
    this.#pending = this.#pendingBytes > 0 ? [buffer.subarray(total)] : [];
    return { type: bytes[12] as number, bytes };
  }
}
