// The newcomer's side of a snapshot that comes as a difference: says which units it has not, and makes the
// donor's snapshot again from what it held and what came, byte for byte.
//
// Guarantees
// - What is given to the engine is a beginning of what the donor's engine sent, and the last batch of the
//   snapshot is given only when length and checksum of the whole are those that the donor told: nothing
//   that was put together wrongly ends as a snapshot.
// - In order, and no faster than the engine takes it; what comes meanwhile waits, up to a bound.

import { crc32 } from 'node:zlib';
import { CorruptInput } from '../../../base/errors.ts';
import { type Record, RecordReader, RecordType, recordBody } from '../../../wire/record.ts';
import type { HeldSnapshot, HeldUnit } from './held-snapshot.ts';
import { decodeBatch, decodeSnapshotEnd, EntryReader, encodeLacks } from './messages.ts';

/** Records that may wait for the engine. */
const QUEUE_BYTES_MAX = 4 * 1024 * 1024;

export interface DeltaReceiverOptions {
  readonly held: HeldSnapshot;
  /** To the donor. */
  readonly answer: (record: Buffer) => void;
  /** To the engine; false: it has enough until `drained` is called. */
  readonly give: (bytes: Buffer) => boolean;
  /** What waits has become enough, or little again: the donor is to be heard later, or again. */
  readonly onEnough: (isEnough: boolean) => void;
  /** The snapshot cannot be made; nothing more is given. */
  readonly onFailure: (error: Error) => void;
}

interface Batch {
  readonly kind: 'batch';
  readonly number: number;
  readonly entries: Buffer;
  /** Of each unit. */
  readonly lacks: readonly boolean[];
  /** The units that were lacking; undefined: they have not come yet. */
  bodies: Buffer | undefined;
}

type Waiting =
  | Batch
  | { readonly kind: 'bytes'; readonly bytes: Buffer }
  | { readonly kind: 'end'; readonly bytes: number; readonly crc32: number };

export class DeltaReceiver {
  readonly #options: DeltaReceiverOptions;
  readonly #reader = new RecordReader();
  readonly #queue: Waiting[] = [];
  #queuedBytes = 0;
  /** Batches whose lacking units have been asked for, oldest first. */
  readonly #asked: Batch[] = [];
  #lastBatch = 0;
  /** The snapshot, as far as it is made: its last batch is kept back. */
  #keptBack: Buffer | undefined;
  #madeBytes = 0;
  #crc = 0;
  #isWhole = false;
  #givenBytes = 0;
  #isWorking = false;
  #isEnough = false;
  #isClosed = false;
  #onDrain: (() => void) | undefined;

  constructor(options: DeltaReceiverOptions) {
    this.#options = options;
  }

  /** Given to the engine, of handshake, snapshot and stream. */
  get givenBytes(): number {
    return this.#givenBytes;
  }

  /** All of the snapshot has been made and was right. */
  get isWhole(): boolean {
    return this.#isWhole;
  }

  /** Bytes from the donor. */
  receive(chunk: Buffer): void {
    if (this.#isClosed) return;
    try {
      this.#reader.feed(chunk);
      for (let record = this.#reader.next(); record; record = this.#reader.next()) {
        this.#take(record);
      }
    } catch (error) {
      this.#fail(error);
    }
    this.#weigh();
    void this.#work();
  }

  /** The engine takes more. */
  drained(): void {
    this.#onDrain?.();
  }

  /** Nothing more is given. */
  close(): void {
    this.#isClosed = true;
    this.#queue.length = 0;
    this.#onDrain?.();
  }

  #take(record: Record): void {
    switch (record.type) {
      case RecordType.tunnelBytes:
        this.#queue.push({ kind: 'bytes', bytes: recordBody(record) });
        this.#queuedBytes += recordBody(record).length;
        return;
      case RecordType.snapshotUnits:
        this.#takeBatch(record);
        return;
      case RecordType.snapshotBodies: {
        const { batch: number, rest } = decodeBatch(record);
        const batch = this.#asked.shift();
        if (batch?.number !== number) throw new CorruptInput('units that were not asked for');
        batch.bodies = rest;
        this.#queuedBytes += rest.length;
        return;
      }
      case RecordType.snapshotEnd:
        this.#queue.push({ kind: 'end', ...decodeSnapshotEnd(record) });
        return;
      default:
        throw new CorruptInput(`record of type ${record.type} on a tunnel`);
    }
  }

  #takeBatch(record: Record): void {
    const { batch: number, rest: entries } = decodeBatch(record);
    if (number !== this.#lastBatch + 1) throw new CorruptInput(`batch ${number} is not the next`);
    this.#lastBatch = number;
    const lacks: boolean[] = [];
    const entry = new EntryReader(entries);
    while (entry.next()) {
      if (entry.digest !== undefined) lacks.push(this.#options.held.offsetOf(entry.digest) < 0);
    }
    const isLacking = lacks.includes(true);
    const bodies = isLacking ? undefined : Buffer.alloc(0);
    const batch: Batch = { kind: 'batch', number, entries, lacks, bodies };
    if (isLacking) this.#asked.push(batch);
    if (lacks.length > 0) this.#options.answer(encodeLacks(number, lacks));
    this.#queue.push(batch);
    this.#queuedBytes += entries.length;
  }

  /** While units are missing that were asked for, the donor must be heard. */
  #weigh(): void {
    const [first] = this.#queue;
    const isStuck = first?.kind === 'batch' && first.bodies === undefined;
    const isEnough = this.#queuedBytes > QUEUE_BYTES_MAX && !isStuck;
    if (isEnough === this.#isEnough || this.#isClosed) return;
    this.#isEnough = isEnough;
    this.#options.onEnough(isEnough);
  }

  async #work(): Promise<void> {
    if (this.#isWorking) return;
    this.#isWorking = true;
    try {
      for (;;) {
        const [first] = this.#queue;
        if (first === undefined || this.#isClosed) return;
        if (first.kind === 'batch' && first.bodies === undefined) return;
        this.#queue.shift();
        await this.#finish(first);
        this.#weigh();
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isWorking = false;
    }
  }

  async #finish(waiting: Waiting): Promise<void> {
    if (waiting.kind === 'bytes') {
      this.#queuedBytes -= waiting.bytes.length;
      if (this.#keptBack !== undefined) throw new CorruptInput('a snapshot without an end');
      await this.#give(waiting.bytes);
    } else if (waiting.kind === 'batch') {
      const made = await this.#make(waiting);
      this.#queuedBytes -= waiting.entries.length + (waiting.bodies?.length ?? 0);
      this.#madeBytes += made.length;
      this.#crc = crc32(made, this.#crc);
      const before = this.#keptBack;
      this.#keptBack = made;
      if (before !== undefined) await this.#give(before);
    } else {
      if (waiting.bytes !== this.#madeBytes || waiting.crc32 !== this.#crc) {
        throw new CorruptInput('the snapshot that was made is not that of the donor');
      }
      this.#isWhole = true;
      const last = this.#keptBack;
      this.#keptBack = undefined;
      if (last !== undefined) await this.#give(last);
    }
  }

  /** The part of the snapshot that a batch stands for. */
  async #make({ entries, lacks, bodies }: Batch): Promise<Buffer> {
    let bytes = 0;
    for (const entry = new EntryReader(entries); entry.next(); ) bytes += entry.bytes;
    const made = Buffer.allocUnsafeSlow(bytes);
    const units: HeldUnit[] = [];
    let at = 0;
    let unit = 0;
    let bodyAt = 0;
    for (const entry = new EntryReader(entries); entry.next(); ) {
      const { bytes: length, digest } = entry;
      if (digest === undefined) entry.literal.copy(made, at);
      else if (lacks[unit++] === true) {
        const copied = bodies?.copy(made, at, bodyAt, bodyAt + length) ?? 0;
        if (copied !== length) throw new CorruptInput('fewer units than were asked for');
        bodyAt += length;
      } else {
        const into = made.subarray(at, at + length);
        units.push({ offset: this.#options.held.offsetOf(digest), digest, into });
      }
      at += length;
    }
    if (bodyAt !== bodies?.length) throw new CorruptInput('more units than were asked for');
    await this.#options.held.read(units);
    return made;
  }

  async #give(bytes: Buffer): Promise<void> {
    if (this.#isClosed) return;
    this.#givenBytes += bytes.length;
    if (this.#options.give(bytes)) return;
    await new Promise<void>((resolve) => {
      this.#onDrain = resolve;
    });
    this.#onDrain = undefined;
  }

  #fail(error: unknown): void {
    if (this.#isClosed) return;
    this.close();
    this.#options.onFailure(error instanceof Error ? error : new Error(String(error)));
  }
}
