// One file of the log: its name, its recovery, reads from it, and what it holds of each origin.
//
// The index is sparse: per origin one entry for every INDEX_STRIDE_BYTES, so that a peer which stays
// away for days costs disk and hardly any memory. A lookup walks at most one stride of records.

import { closeSync, fstatSync, openSync, readdirSync, readSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { crc32 } from 'node:zlib';
import { CorruptInput, OperatorError } from '../../base/errors.ts';
import type { ReplicaId } from '../../model/version-vector.ts';
import { LENGTH_GUARD, RECORD_HEADER_BYTES, type Record, RecordReader } from '../../wire/record.ts';

export const BLOCK_BYTES = 1024 * 1024;

const INDEX_STRIDE_BYTES = 16 * 1024;
const NAME = /^(\d{12})\.seg$/;

/** What one segment holds of one origin. Sequences rise with offsets. */
export interface OriginSpan {
  firstSeq: number;
  lastSeq: number;
  /** Bytes of its frames. */
  bytes: number;
  /** Sparse: the first sequence of a frame, and where that frame begins. */
  readonly seqs: number[];
  readonly offsets: number[];
}

/** What the log knows about one of its files. */
export class Segment {
  readonly number: number;
  readonly path: string;
  readonly origins = new Map<ReplicaId, OriginSpan>();
  bytes = 0;
  /** Of the checkpoint that it begins with; not counted when the log asks whether it is full. */
  checkpointBytes = 0;

  constructor(dir: string, number: number) {
    this.number = number;
    this.path = join(dir, `${String(number).padStart(12, '0')}.seg`);
  }

  /** The same file, of which nothing is known yet. */
  emptied(): Segment {
    return new Segment(dirname(this.path), this.number);
  }

  /** Notes a frame that begins at `offset`. */
  index(origin: ReplicaId, firstSeq: number, lastSeq: number, offset: number, bytes: number): void {
    const span = this.origins.get(origin);
    if (span === undefined) {
      this.origins.set(origin, { firstSeq, lastSeq, bytes, seqs: [firstSeq], offsets: [offset] });
      return;
    }
    span.lastSeq = lastSeq;
    span.bytes += bytes;
    if (offset - (span.offsets[span.offsets.length - 1] as number) >= INDEX_STRIDE_BYTES) {
      span.seqs.push(firstSeq);
      span.offsets.push(offset);
    }
  }

  /** Where to begin looking for the first frame of `origin` that reaches beyond `seq`. */
  seek(span: OriginSpan, seq: number): number {
    let low = 0;
    let high = span.seqs.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >>> 1;
      if ((span.seqs[middle] as number) <= seq + 1) low = middle;
      else high = middle - 1;
    }
    return span.offsets[low] as number;
  }

  /** Whether every frame here is at or below `frontier`. */
  coveredBy(frontier: ReadonlyMap<ReplicaId, number>): boolean {
    for (const [origin, span] of this.origins) {
      if (span.lastSeq > (frontier.get(origin) ?? 0)) return false;
    }
    return true;
  }
}

/** Behind the name of a segment: what is to replace it, and is not complete. */
export const UNFINISHED = '.compact';

/** Of a life that ended in the midst of it. */
export function removeUnfinished(dir: string): void {
  for (const name of readdirSync(dir)) {
    if (name.endsWith(UNFINISHED)) rmSync(join(dir, name), { force: true });
  }
}

/** The segments in `dir`, in order. A hole in the numbers means that a file was taken away. */
export function listSegments(dir: string): Segment[] {
  const numbers = readdirSync(dir)
    .map((name) => NAME.exec(name))
    .filter((match) => match !== null)
    .map((match) => Number(match[1]))
    .sort((a, b) => a - b);
  numbers.forEach((number, i) => {
    const previous = numbers[i - 1];
    if (previous !== undefined && number !== previous + 1) {
      throw new OperatorError(
        'log-segment-missing',
        `log segment ${new Segment(dir, previous + 1).path} is missing`,
        'put the file back, or wipe the state directory and let this member join anew',
      );
    }
  });
  return numbers.map((number) => new Segment(dir, number));
}

export function corruptSegment(path: string, offset: number, reason: string): OperatorError {
  return new OperatorError(
    'log-corrupt',
    `log segment ${path} is corrupt at offset ${offset}: ${reason}`,
    'check the disk; restore the file, or wipe the state directory and let this member join anew',
  );
}

/** A record and where in its segment it begins. */
export interface PlacedRecord {
  readonly record: Record;
  readonly offset: number;
}

/** Where the intact part of a segment ends, and why it ends before the file does. */
export interface SegmentEnd {
  readonly end: number;
  readonly torn: string | undefined;
}

/**
 * Yields the intact records of a segment and returns where they end. A tail that a crash left
 * unfinished is reported; anything else that does not read is an OperatorError.
 */
export function* scanSegment(path: string, isLast: boolean): Generator<PlacedRecord, SegmentEnd> {
  const file = openSync(path, 'r');
  const size = fstatSync(file).size;
  const reader = new RecordReader();
  let offset = 0;
  let problem: string | undefined;
  try {
    for (let at = 0; at < size && problem === undefined; ) {
      const block = readBlock(file, at, Math.min(BLOCK_BYTES, size - at));
      at += block.length;
      reader.feed(block);
      for (;;) {
        let record: Record | undefined;
        try {
          record = reader.next();
        } catch (error) {
          if (!(error instanceof CorruptInput)) throw error;
          problem = error.message;
          break;
        }
        if (record === undefined) break;
        yield { record, offset };
        offset += record.bytes.length;
      }
    }
    if (offset === size) return { end: size, torn: undefined };
    problem ??= 'the record is incomplete';
    if (!isLast || !isTornTail(readBlock(file, offset, size - offset))) {
      throw corruptSegment(path, offset, problem);
    }
    return { end: offset, torn: problem };
  } finally {
    closeSync(file);
  }
}

/**
 * Whether `tail`, which begins with a broken record, is what a crash in mid-write leaves: a record
 * that runs up to the end of the file, or bytes in which no later record is intact.
 */
function isTornTail(tail: Buffer): boolean {
  const end = recordEnd(tail, 0);
  if (end !== undefined && end >= tail.length) return true;
  for (let at = end ?? 1; at + RECORD_HEADER_BYTES <= tail.length; at++) {
    if (isIntact(tail, at)) return false;
  }
  return true;
}

/** The end of the record at `at` as its header has it; undefined when this is no header. */
function recordEnd(bytes: Buffer, at: number): number | undefined {
  if (at + RECORD_HEADER_BYTES > bytes.length) return bytes.length;
  const length = bytes.readUInt32LE(at);
  const guarded = bytes.readUInt32LE(at + 4) === (length ^ LENGTH_GUARD) >>> 0;
  return guarded ? at + RECORD_HEADER_BYTES + length : undefined;
}

function isIntact(bytes: Buffer, at: number): boolean {
  const end = recordEnd(bytes, at);
  return (
    end !== undefined &&
    end <= bytes.length &&
    crc32(bytes.subarray(at + 12, end)) === bytes.readUInt32LE(at + 8)
  );
}

function readBlock(file: number, offset: number, bytes: number): Buffer {
  const block = Buffer.allocUnsafeSlow(bytes);
  let filled = 0;
  while (filled < bytes) {
    const count = readSync(file, block, filled, bytes - filled, offset + filled);
    if (count === 0) break;
    filled += count;
  }
  return filled === bytes ? block : block.subarray(0, filled);
}

/** Reads `bytes` at `offset`, fewer at the end of the file. Opening costs little beside a block. */
export function readSegment(path: string, offset: number, bytes: number): Buffer {
  const file = openSync(path, 'r');
  try {
    return readBlock(file, offset, bytes);
  } finally {
    closeSync(file);
  }
}
