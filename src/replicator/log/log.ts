// The single history of one replicator: segment files of records, only ever appended to.
//
// Guarantees
// - append returns after the operating system has all records (and, with fsync `always`, the disk);
//   when it throws, none of them is part of the history.
// - After a crash the history is what was appended, possibly without its unfinished last record.
// - Every segment begins with a checkpoint, so that older segments may be deleted; they are deleted
//   oldest first, and only when the frontier covers all their frames.
// - Frames are found by origin and sequence, the newest from memory and the rest from disk.

import {
  closeSync,
  fdatasync,
  fdatasyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  truncateSync,
  writevSync,
} from 'node:fs';
import { unlink } from 'node:fs/promises';
import type { Logger } from 'pino';
import { assert } from '../../base/assert.ts';
import { CorruptInput, OperatorError } from '../../base/errors.ts';
import type { ReplicaId } from '../../model/version-vector.ts';
import { decodeFrameHeader } from '../../wire/frame.ts';
import { type Record, RecordType } from '../../wire/record.ts';
import { encodeBatch } from './batch.ts';
import { frameOnDisk } from './frame-lookup.ts';
import { FrameReader } from './frame-reader.ts';
import { recoverSegment } from './recover-segment.ts';
import { corruptSegment, listSegments, removeUnfinished, Segment } from './segment.ts';
import { syncDirectory } from './sync-directory.ts';
import { Tail } from './tail.ts';
import { writeFailure } from './write-failure.ts';

const TAIL_BYTES = 32 * 1024 * 1024;
const REPLAY_BYTES = 256 * 1024 * 1024;
const SYNC_EVERY_MS = 1000;

type Frontier = ReadonlyMap<ReplicaId, number>;

export interface LogOptions {
  /** A segment with this many bytes behind its checkpoint is followed by another. */
  readonly segmentBytes: number;
  readonly fsync: 'no' | 'everysec' | 'always';
  /**
   * Called inside `append` when a segment begins: a sealed checkpoint record of the state before the
   * records that are being appended.
   */
  readonly checkpoint: () => Buffer;
  readonly logger: Pick<Logger, 'warn'>;
  /** Bytes of what everyone has that are kept for a replay, if it needs them; default 256 MiB. */
  readonly replayBytes?: number;
  /** Bytes of frames kept in memory. */
  readonly tailBytes?: number;
}

/** The files of a log as they were at one moment. */
export interface HeldLog {
  /** In order. Files may grow beyond these bytes. */
  readonly files: readonly { readonly path: string; readonly bytes: number }[];
  /** Lets them go; to be called once. */
  release(): void;
}

export class Log {
  readonly #dir: string;
  readonly #options: LogOptions;
  readonly #segments: Segment[];
  readonly #tail: Tail;
  readonly #reader = new FrameReader();
  readonly #lastSeqs = new Map<ReplicaId, number>();
  #recovered = false;
  #file: number | undefined;
  #dirty = false;
  #syncTimer: NodeJS.Timeout | undefined;
  /** Set when the state of the files is no longer known: nothing more may be appended. */
  #failure: OperatorError | undefined;
  #deletions: Promise<void> = Promise.resolve();
  #holds = 0;

  private constructor(dir: string, options: LogOptions) {
    this.#dir = dir;
    this.#options = options;
    this.#segments = listSegments(dir);
    this.#tail = new Tail(options.tailBytes ?? TAIL_BYTES);
  }

  /**
   * Opens the log in `dir`, which is made when it is not there. `records` is the recovery itself: it
   * reads as it is iterated, and must be exhausted before the log is used.
   */
  static open(dir: string, options: LogOptions): { log: Log; records: Iterable<Record> } {
    try {
      mkdirSync(dir, { recursive: true });
      removeUnfinished(dir);
    } catch (error) {
      throw writeFailure(dir, error);
    }
    const log = new Log(dir, options);
    return { log, records: log.#recover() };
  }

  /** Size on disk. */
  get bytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** Makes sealed records part of the history, all or (by throwing OperatorError) none. */
  append(records: readonly Buffer[]): void {
    assert(this.#recovered, 'the log is recovered before it is appended to');
    if (this.#failure !== undefined) throw this.#failure;
    if (records.length === 0) return;
    const batch = records.length > 1 ? [encodeBatch(records), ...records] : records;
    let bytes = 0;
    for (const record of batch) bytes += record.length;
    const segment = this.#segmentFor(bytes);
    const start = segment.bytes;
    this.#write(segment, batch, bytes);
    let offset = start;
    for (const record of batch) {
      if (record[12] === RecordType.ops) this.#index(segment, record, offset);
      offset += record.length;
    }
  }

  /** The frame of `origin` with the smallest first sequence whose last one is beyond `seq`. */
  frameAfter(origin: ReplicaId, seq: number): Buffer | undefined {
    if (this.lastSeq(origin) <= seq) return undefined;
    return (
      this.#tail.frameAfter(origin, seq) ?? this.#reader.frameAfter(this.#segments, origin, seq)
    );
  }

  /** The frame that holds an op; undefined: it is here no more. For ops here and there, in any order. */
  frameWith(origin: ReplicaId, seq: number): Buffer | undefined {
    if (seq < 1 || this.lastSeq(origin) < seq) return undefined;
    return this.#tail.frameAfter(origin, seq - 1) ?? frameOnDisk(this.#segments, origin, seq);
  }

  /** The highest sequence of `origin` that was ever here since the log was opened; 0: none. */
  lastSeq(origin: ReplicaId): number {
    return this.#lastSeqs.get(origin) ?? 0;
  }

  /** The lowest sequence of `origin` that is still here; 0: none is. */
  firstSeq(origin: ReplicaId): number {
    for (const segment of this.#segments) {
      const span = segment.origins.get(origin);
      if (span !== undefined) return span.firstSeq;
    }
    return 0;
  }

  /** What is held of `origin` beyond `afterSeq`: ops exactly, bytes about. */
  pending(origin: ReplicaId, afterSeq: number): { ops: number; bytes: number } {
    let ops = 0;
    let bytes = 0;
    for (const segment of this.#segments) {
      const span = segment.origins.get(origin);
      if (span === undefined || span.lastSeq <= afterSeq) continue;
      const beyond = span.lastSeq - Math.max(afterSeq, span.firstSeq - 1);
      ops += beyond;
      bytes += Math.round((span.bytes * beyond) / (span.lastSeq - span.firstSeq + 1));
    }
    return { ops, bytes };
  }

  /**
   * Everyone has what `frontier` covers: it leaves memory, and old segments go as a whole. An origin
   * that `frontier` does not name is kept. Of what is beyond `replayable` some is kept for a replay.
   */
  release(frontier: Frontier, replayable: () => Frontier = () => frontier): void {
    for (const [origin, seq] of frontier) this.#tail.release(origin, seq);
    while (this.#segments.length > 1 && this.#holds === 0) {
      const oldest = this.#segments[0] as Segment;
      if (!oldest.coveredBy(frontier)) return;
      if (!oldest.coveredBy(replayable()) && !this.#keepsMuch(frontier)) return;
      // The checkpoint that replaces the old segment must not be less durable than it was.
      if (this.#options.fsync !== 'no') this.#sync();
      this.#segments.shift();
      this.#reader.forget(oldest);
      this.#delete(oldest.path);
    }
  }

  /** More of what everyone has is here than is kept for replays. */
  #keepsMuch(frontier: Frontier): boolean {
    const end = this.#segments.findIndex((segment) => !segment.coveredBy(frontier));
    const covered = end === -1 ? this.#segments : this.#segments.slice(0, end);
    const bytes = covered.reduce((sum, segment) => sum + segment.bytes, 0);
    return bytes > (this.#options.replayBytes ?? REPLAY_BYTES);
  }

  /** Segments to which nothing is added any more, in order. */
  get sealed(): readonly Segment[] {
    return this.#segments.slice(0, -1);
  }

  /** Puts a segment in the place of one with the same ops, by `rename`. False: not now, nothing was done. */
  replace(segment: Segment, other: Segment, rename: () => void): boolean {
    const at = this.#segments.indexOf(segment);
    if (at < 0 || at === this.#segments.length - 1 || this.#holds > 0) return false;
    rename();
    this.#segments[at] = other;
    this.#reader.forget(segment);
    return true;
  }

  /** The log as it is now, for copying: no file is deleted or rewritten before it is released. */
  hold(): HeldLog {
    this.#holds++;
    const files = this.#segments.map(({ path, bytes }) => ({ path, bytes }));
    return { files, release: () => this.#holds-- };
  }

  /** Begins another segment, so that what everyone has can go with those before it. */
  rotate(): void {
    const active = this.#segments.at(-1);
    if (active !== undefined && active.bytes > active.checkpointBytes)
      this.#begin(new Segment(this.#dir, active.number + 1));
  }

  /** Waits until released files are gone. */
  async close(): Promise<void> {
    clearInterval(this.#syncTimer);
    try {
      if (this.#file !== undefined) {
        if (this.#options.fsync !== 'no' && this.#failure === undefined) this.#sync();
        closeSync(this.#file);
      }
    } finally {
      this.#file = undefined;
      this.#failure ??= new OperatorError('log-closed', 'the log is closed', 'open it again');
      await this.#deletions;
    }
  }

  *#recover(): Generator<Record, void> {
    assert(!this.#recovered, 'a log is recovered once');
    for (const segment of this.#segments) {
      const isLast = segment === this.#segments.at(-1);
      const { end, torn } = yield* recoverSegment(segment, isLast, (frame, offset) =>
        this.#index(segment, frame, offset),
      );
      segment.bytes = end;
      if (torn !== undefined) {
        this.#options.logger.warn(
          { file: segment.path, offset: segment.bytes, reason: torn },
          'the last records of the log were not finished before a crash: dropped',
        );
        truncateSync(segment.path, segment.bytes);
      }
    }
    this.#recovered = true;
    if (this.#options.fsync === 'everysec') {
      this.#syncTimer = setInterval(() => this.#syncLater(), SYNC_EVERY_MS).unref();
    }
  }

  /** The segment that takes the next `bytes`; begins another when the active one is full. */
  #segmentFor(bytes: number): Segment {
    const active = this.#segments.at(-1);
    if (active !== undefined && active.bytes > 0) {
      const behind = active.bytes - active.checkpointBytes;
      if (behind === 0 || behind + bytes <= this.#options.segmentBytes) return this.#opened(active);
      return this.#begin(new Segment(this.#dir, active.number + 1));
    }
    // No segment yet, or one whose very checkpoint was torn.
    return this.#begin(active ?? new Segment(this.#dir, 1));
  }

  #opened(segment: Segment): Segment {
    this.#file ??= attempt(segment.path, () => openSync(segment.path, 'a'));
    return segment;
  }

  #begin(segment: Segment): Segment {
    const checkpoint = this.#options.checkpoint();
    if (this.#options.fsync !== 'no' && this.#file !== undefined) this.#sync();
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    this.#opened(segment);
    if (this.#segments.at(-1) !== segment) this.#segments.push(segment);
    if (this.#options.fsync !== 'no') attempt(segment.path, () => syncDirectory(this.#dir));
    this.#write(segment, [checkpoint], checkpoint.length);
    segment.checkpointBytes = checkpoint.length;
    return segment;
  }

  #write(segment: Segment, records: readonly Buffer[], bytes: number): void {
    const file = this.#file;
    assert(file !== undefined, 'the active segment is open');
    const start = segment.bytes;
    try {
      let written = writevSync(file, records);
      // A full disk takes a part and reports the error only when asked for the rest.
      if (written < bytes) {
        const all = Buffer.concat(records, bytes);
        while (written < bytes) written += writevSync(file, [all.subarray(written)]);
      }
      if (this.#options.fsync === 'always') fdatasyncSync(file);
    } catch (error) {
      const failure = writeFailure(segment.path, error);
      this.#undo(file, start, failure);
      throw failure;
    }
    segment.bytes = start + bytes;
    this.#dirty = true;
  }

  /** Takes back a write that failed. */
  #undo(file: number, start: number, failure: OperatorError): void {
    try {
      ftruncateSync(file, start);
      // After a failed fsync nobody knows what the disk has; only a restart finds out.
      if (this.#options.fsync === 'always') this.#failure = failure;
    } catch {
      this.#failure = failure;
    }
  }

  #index(segment: Segment, frame: Buffer, offset: number): void {
    let header: ReturnType<typeof decodeFrameHeader>;
    try {
      header = decodeFrameHeader(frame);
    } catch (error) {
      if (!(error instanceof CorruptInput)) throw error;
      throw corruptSegment(segment.path, offset, error.message);
    }
    const { origin, firstSeq } = header;
    const lastSeq = firstSeq + header.count - 1;
    // A frame that brings nothing new would break the order that lookups rely on.
    if (lastSeq <= this.lastSeq(origin)) return;
    this.#lastSeqs.set(origin, lastSeq);
    segment.index(origin, firstSeq, lastSeq, offset, frame.length);
    this.#tail.push(origin, firstSeq, lastSeq, frame);
  }

  #sync(): void {
    const file = this.#file;
    if (file === undefined) return;
    const path = (this.#segments.at(-1) as Segment).path;
    try {
      fdatasyncSync(file);
      this.#dirty = false;
    } catch (error) {
      this.#failure = writeFailure(path, error);
      throw this.#failure;
    }
  }

  #syncLater(): void {
    const file = this.#file;
    if (file === undefined || !this.#dirty) return;
    this.#dirty = false;
    fdatasync(file, (error) => {
      // EBADF: the segment was closed meanwhile, and synced before.
      if (error === null || error.code === 'EBADF') return;
      this.#failure ??= writeFailure(this.#dir, error);
    });
  }

  /** One after the other, so that what a crash leaves has no hole. */
  #delete(path: string): void {
    this.#deletions = this.#deletions
      .then(() => unlink(path))
      .catch((error: unknown) => {
        this.#options.logger.warn({ file: path, error }, 'a released log segment was not deleted');
      });
  }
}

function attempt<Result>(path: string, action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    throw writeFailure(path, error);
  }
}
