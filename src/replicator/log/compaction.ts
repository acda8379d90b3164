// Rewrites segments that are kept for a member that is away, without the ops that nobody needs any more: what is kept
// grows with the keys that are written, not with the writes (docs/decisions/025-compaction-of-the-log.md).
//
// Which ops these are is the judge's to say; frames stay where they are, with their sequences. A segment is replaced
// as a whole, by renaming: a crash leaves the old one or the new one. Work is done in slices of a few milliseconds.

import { renameSync } from 'node:fs';
import { open, readFile, rm } from 'node:fs/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from 'pino';
import { CorruptInput } from '../../base/errors.ts';
import { OpFlag, OpKind } from '../../model/op.ts';
import type { ReplicaId } from '../../model/version-vector.ts';
import { decodeFrameHeader, withoutOps } from '../../wire/frame.ts';
import { type Record, RecordReader, RecordType } from '../../wire/record.ts';
import type { Log } from './log.ts';
import { corruptSegment, type Segment, UNFINISHED } from './segment.ts';

const SLICE_MS = 3;
const WRITE_BYTES = 1024 * 1024;

/** Places of the ops in a frame that are needed no more. Frames come from the newest to the oldest; it may rely on those
 * that it named being gone from the frames that came before. */
export type Judge = (frame: Buffer) => ReadonlySet<number>;

export interface CompactionOptions {
  readonly log: Log;
  /** For one pass. All frames that it is shown are in segments that are complete. */
  readonly judge: () => Judge;
  readonly logger: Pick<Logger, 'info' | 'warn'>;
  /** So much has to be kept before it is worth looking. */
  readonly bytesMin: number;
}

export class Compaction {
  readonly #options: CompactionOptions;
  /** What the last pass left. */
  #leftBytes = 0;
  #pass: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: CompactionOptions) {
    this.#options = options;
  }

  /** Begins a pass once as much again has come to what is kept beyond `frontier`. */
  consider(frontier: ReadonlyMap<ReplicaId, number>): void {
    if (this.#pass !== undefined || this.#isClosed) return;
    const kept = this.#keptBytes(frontier);
    this.#leftBytes = Math.min(this.#leftBytes, kept);
    if (kept < Math.max(this.#options.bytesMin, 2 * this.#leftBytes)) return;
    this.#pass = this.#run(frontier)
      .catch((error: unknown) => {
        // Nothing is lost: the segments are as they were. It is tried again when there is twice as much.
        this.#options.logger.warn({ error }, 'the log was not compacted');
      })
      .finally(() => {
        this.#pass = undefined;
      });
  }

  /** Resolves when no pass is under way. */
  async settled(): Promise<void> {
    await this.#pass;
  }

  /** Resolves when no pass is under way and none will begin. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#pass;
  }

  #keptBytes(frontier: ReadonlyMap<ReplicaId, number>): number {
    const kept = this.#options.log.sealed.filter((segment) => !segment.coveredBy(frontier));
    return kept.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async #run(frontier: ReadonlyMap<ReplicaId, number>): Promise<void> {
    const { log, logger } = this.#options;
    const segments = log.sealed.filter((segment) => !segment.coveredBy(frontier));
    const before = segments.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#leftBytes = before;
    const judge = this.#options.judge();
    let saved = 0;
    for (const segment of segments.toReversed()) {
      if (this.#isClosed) return;
      const kept = await keptOf(segment, judge);
      if (kept === undefined) continue;
      const file = segment.path + UNFINISHED;
      const compact = describe(segment, kept);
      try {
        await writeAll(file, kept);
        // Older segments are judged by what is gone from this one.
        if (!log.replace(segment, compact, () => renameSync(file, segment.path))) return;
      } finally {
        // Where it was not renamed: on a full disk above all it must not stay.
        await rm(file, { force: true });
      }
      saved += segment.bytes - compact.bytes;
      this.#leftBytes = before - saved;
    }
    logger.info({ before, after: before - saved }, 'the log was compacted');
  }
}

/** Gives the process back to its work every few milliseconds. */
function slices(): () => Promise<void> {
  let startedMs = performance.now();
  return async () => {
    if (performance.now() - startedMs < SLICE_MS) return;
    await nextTurn();
    startedMs = performance.now();
  };
}

/** The records of the compact segment; undefined: they are those that it has. */
async function keptOf(segment: Segment, judge: Judge): Promise<Buffer[] | undefined> {
  const rest = slices();
  const bytes = await readFile(segment.path);
  const records = await recordsIn(segment, bytes.subarray(0, segment.bytes), rest);
  const kept: Buffer[] = [];
  let isSame = true;
  for (const record of records.toReversed()) {
    await rest();
    // Records count together only while the last of them may be missing.
    if (record.type === RecordType.batch) continue;
    const taken = record.type === RecordType.ops ? judge(record.bytes) : undefined;
    if (taken === undefined || taken.size === 0) {
      kept.push(record.bytes);
      continue;
    }
    kept.push(withoutOps(record.bytes, taken, OpKind.superseded, OpFlag.endOfUnit));
    isSame = false;
  }
  return isSame ? undefined : kept.reverse();
}

async function recordsIn(
  segment: Segment,
  bytes: Buffer,
  rest: () => Promise<void>,
): Promise<Record[]> {
  const reader = new RecordReader();
  reader.feed(bytes);
  const records: Record[] = [];
  try {
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      records.push(record);
      await rest();
    }
  } catch (error) {
    if (!(error instanceof CorruptInput)) throw error;
    throw corruptSegment(segment.path, bytes.length - reader.pendingBytes, error.message);
  }
  return records;
}

async function writeAll(file: string, records: readonly Buffer[]): Promise<void> {
  const handle = await open(file, 'w');
  try {
    let batch: Buffer[] = [];
    let bytes = 0;
    for (const record of records) {
      batch.push(record);
      bytes += record.length;
      if (bytes < WRITE_BYTES) continue;
      await handle.appendFile(Buffer.concat(batch));
      batch = [];
      bytes = 0;
    }
    await handle.appendFile(Buffer.concat(batch));
    // Whatever the log's own policy: the segment that this replaces is on the disk by now.
    await handle.datasync();
  } finally {
    await handle.close();
  }
}

/** What the log knows of the file. Frames that were not found in the old one, as they brought nothing new, are not
 * found in this one. */
function describe(segment: Segment, records: readonly Buffer[]): Segment {
  const compact = segment.emptied();
  let offset = 0;
  for (const record of records) {
    const end = offset + record.length;
    if (record[12] === RecordType.checkpoint) compact.checkpointBytes = end;
    if (record[12] === RecordType.ops) {
      const { origin, firstSeq, count } = decodeFrameHeader(record);
      const lastSeq = firstSeq + count - 1;
      const isFound = firstSeq >= (segment.origins.get(origin)?.firstSeq ?? Infinity);
      const isNew = lastSeq > (compact.origins.get(origin)?.lastSeq ?? 0);
      if (isFound && isNew) compact.index(origin, firstSeq, lastSeq, offset, record.length);
    }
    offset = end;
  }
  compact.bytes = offset;
  return compact;
}
