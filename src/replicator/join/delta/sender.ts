// The donor's side of a snapshot that is sent as a difference: of each batch of units first the digests,
// then, as soon as the newcomer has answered, those units that it has not.
//
// Many batches are on their way at a time, so that round trips do not bound the rate; the units that wait
// for an answer, or to be sent, are kept, up to a bound. Bytes in, records out: no socket and no clock.

import { crc32 } from 'node:zlib';
import { CorruptInput } from '../../../base/errors.ts';
import { DIGEST_BYTES, UNIT_BYTES_MAX, UnitCutter } from '../../../rdb/units.ts';
import { type Record, RecordType } from '../../../wire/record.ts';
import {
  decodeBatch,
  decodeLacks,
  encodeBatch,
  encodeSnapshotEnd,
  VARINT_BYTES_MAX,
  writeEntryHead,
} from './messages.ts';

/** A batch is closed once its entries or its units are as long as that. */
const BATCH_BYTES = 256 * 1024;
/** Units that wait. */
export const WINDOW_BYTES = 32 * 1024 * 1024;

interface Batch {
  readonly number: number;
  /** Of all its units, one behind the other. */
  readonly bodies: Buffer;
  readonly lengths: readonly number[];
}

/** What a newcomer lacks of a batch. */
interface Due {
  readonly number: number;
  readonly lacking: readonly Buffer[];
  /** Of the whole batch. */
  readonly bytes: number;
}

export class DeltaSender {
  readonly #send: (record: Buffer) => void;
  readonly #cutter: UnitCutter;
  /** The batch under way: its entries, the units and how long each is. */
  readonly #entries = Buffer.allocUnsafeSlow(BATCH_BYTES + UNIT_BYTES_MAX);
  #entriesEnd = 0;
  readonly #bodies = Buffer.allocUnsafeSlow(BATCH_BYTES + UNIT_BYTES_MAX);
  #bodiesEnd = 0;
  #lengths: number[] = [];
  readonly #waiting: Batch[] = [];
  readonly #due: Due[] = [];
  #waitingBytes = 0;
  #batches = 0;
  #bytes = 0;
  #crc = 0;
  #isEnded = false;
  #isComplete = false;

  /** `salt` is that of the newcomer's digests. */
  constructor(salt: Buffer, send: (record: Buffer) => void) {
    this.#send = send;
    this.#cutter = new UnitCutter(salt, {
      literal: (bytes) => this.#literal(bytes),
      unit: (bytes, digest) => this.#unit(bytes, digest),
    });
  }

  /** Of the snapshot, taken so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Why the snapshot cannot be split (further) and travels as it is. */
  get reason(): string | undefined {
    return this.#cutter.reason;
  }

  /** Enough waits: no more is to be taken. */
  get isFull(): boolean {
    return this.#waitingBytes >= WINDOW_BYTES;
  }

  /** All of the snapshot, with its end, has been sent. */
  get isComplete(): boolean {
    return this.#isComplete;
  }

  /** The next bytes of the snapshot. */
  take(bytes: Buffer): void {
    this.#bytes += bytes.length;
    this.#crc = crc32(bytes, this.#crc);
    this.#cutter.take(bytes);
  }

  /** Sends what is under way, as no more comes at the moment. */
  flush(): void {
    if (this.#entriesEnd === 0) return;
    const number = ++this.#batches;
    const entries = this.#entries.subarray(0, this.#entriesEnd);
    this.#send(encodeBatch(RecordType.snapshotUnits, number, [entries]));
    if (this.#lengths.length > 0) {
      const bodies = Buffer.from(this.#bodies.subarray(0, this.#bodiesEnd));
      this.#waiting.push({ number, bodies, lengths: this.#lengths });
      this.#waitingBytes += bodies.length;
    }
    this.#entriesEnd = 0;
    this.#bodiesEnd = 0;
    this.#lengths = [];
  }

  /** That was all of the snapshot. */
  end(): void {
    this.#cutter.end();
    this.flush();
    this.#isEnded = true;
    this.#endIfAnswered();
  }

  /** The newcomer says what it lacks: `sendDue` sends it. Throws CorruptInput when that was not asked. */
  answered(record: Record): void {
    const { batch: number, rest } = decodeBatch(record);
    const batch = this.#waiting.shift();
    if (batch?.number !== number) {
      throw new CorruptInput(`an answer to batch ${number} instead of ${batch?.number ?? 'none'}`);
    }
    const lacking: Buffer[] = [];
    let at = 0;
    decodeLacks(rest, batch.lengths.length).forEach((isLacking, i) => {
      const length = batch.lengths[i] as number;
      if (isLacking) lacking.push(batch.bodies.subarray(at, at + length));
      at += length;
    });
    const bytes = batch.bodies.length;
    if (lacking.length > 0) this.#due.push({ number, lacking, bytes });
    else this.#waitingBytes -= bytes;
    this.#endIfAnswered();
  }

  /** Sends what was asked for, as long as that may be. False: something is left. */
  sendDue(maySend: () => boolean): boolean {
    for (let due = this.#due[0]; due !== undefined; due = this.#due[0]) {
      if (!maySend()) return false;
      this.#due.shift();
      this.#waitingBytes -= due.bytes;
      this.#send(encodeBatch(RecordType.snapshotBodies, due.number, due.lacking));
    }
    this.#endIfAnswered();
    return true;
  }

  #literal(bytes: Buffer): void {
    for (let at = 0; at < bytes.length; at += UNIT_BYTES_MAX) {
      const piece = bytes.subarray(at, at + UNIT_BYTES_MAX);
      this.#makeRoom(VARINT_BYTES_MAX + piece.length);
      const start = writeEntryHead(this.#entries, this.#entriesEnd, piece.length, false);
      this.#entriesEnd = start + piece.copy(this.#entries, start);
    }
  }

  #unit(bytes: Buffer, digest: string): void {
    this.#makeRoom(VARINT_BYTES_MAX + DIGEST_BYTES);
    const start = writeEntryHead(this.#entries, this.#entriesEnd, bytes.length, true);
    this.#entriesEnd = start + this.#entries.write(digest, start, 'latin1');
    this.#bodiesEnd += bytes.copy(this.#bodies, this.#bodiesEnd);
    this.#lengths.push(bytes.length);
    if (this.#bodiesEnd >= BATCH_BYTES) this.flush();
  }

  #makeRoom(bytes: number): void {
    if (this.#entriesEnd + bytes > this.#entries.length) this.flush();
    else if (this.#entriesEnd >= BATCH_BYTES) this.flush();
  }

  #endIfAnswered(): void {
    if (!this.#isEnded || this.#isComplete) return;
    if (this.#waiting.length > 0 || this.#due.length > 0) return;
    this.#isComplete = true;
    this.#send(encodeSnapshotEnd({ bytes: this.#bytes, crc32: this.#crc }));
  }
}
