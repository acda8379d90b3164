// The log of a simulated replicator: segments of records, as the real one has them. Each begins with a checkpoint;
// those that the frontier covers go, oldest first.

import { OpFlag, OpKind } from '../../src/model/op.ts';
import type { ReplicaId, VersionEntries } from '../../src/model/version-vector.ts';
import type { Judge } from '../../src/replicator/log/compaction.ts';
import { decodeFrameHeader, withoutOps } from '../../src/wire/frame.ts';
import { type Record, RecordReader, RecordType } from '../../src/wire/record.ts';

export interface StoredFrame {
  readonly origin: ReplicaId;
  readonly lastSeq: number;
  readonly bytes: Buffer;
}

interface Segment {
  readonly records: Buffer[];
  /** Per origin the last sequence in it. */
  readonly lastSeqs: Map<ReplicaId, number>;
}

export class RegionLog {
  #segments: Segment[] = [];
  /** Per origin, in order. */
  readonly #frames = new Map<ReplicaId, StoredFrame[]>();
  /** Of all frames that were ever here. */
  readonly #ends: { origin: ReplicaId; lastSeq: number; position: number }[] = [];

  get isEmpty(): boolean {
    return this.#segments.length === 0;
  }

  /** All records, decoded. */
  *records(): Iterable<Record> {
    const reader = new RecordReader();
    for (const { records } of this.#segments) for (const bytes of records) reader.feed(bytes);
    for (let record = reader.next(); record !== undefined; record = reader.next()) yield record;
  }

  framesOf(origin: ReplicaId): readonly StoredFrame[] {
    return this.#frames.get(origin) ?? [];
  }

  frameWith(origin: ReplicaId, seq: number): Buffer | undefined {
    return this.framesOf(origin).find(({ lastSeq }) => lastSeq >= seq)?.bytes;
  }

  /** Begins a segment with the records of a checkpoint. */
  begin(checkpoint: readonly Buffer[]): void {
    this.#segments.push({ records: [...checkpoint], lastSeqs: new Map() });
  }

  append(bytes: Buffer): void {
    const segment = this.#segments.at(-1) as Segment;
    segment.records.push(bytes);
    if (bytes[12] !== RecordType.ops) return;
    const { origin, firstSeq, count, position } = decodeFrameHeader(bytes);
    const lastSeq = firstSeq + count - 1;
    this.#ends.push({ origin, lastSeq, position });
    segment.lastSeqs.set(origin, lastSeq);
    const frames = this.#frames.get(origin);
    if (frames === undefined) this.#frames.set(origin, [{ origin, lastSeq, bytes }]);
    else frames.push({ origin, lastSeq, bytes });
  }

  #replace(bytes: Buffer, by: Buffer): void {
    const { origin } = decodeFrameHeader(bytes);
    const frames = this.framesOf(origin).map((f) => (f.bytes === bytes ? { ...f, bytes: by } : f));
    this.#frames.set(origin, frames);
  }

  /** Up to where in the stream of its engine ops of `origin` up to `seq` reach. */
  positionOf(origin: ReplicaId, seq: number): number {
    const reached = this.#ends.filter((end) => end.origin === origin && end.lastSeq <= seq);
    return reached.at(-1)?.position ?? 0;
  }

  /** Takes out what nobody needs of all segments but the last, from the newest frame to the oldest. Returns how many
   * ops went. */
  compact(judge: Judge): number {
    let count = 0;
    for (const { records } of this.#segments.slice(0, -1).reverse()) {
      for (let i = records.length - 1; i >= 0; i--) {
        const bytes = records[i] as Buffer;
        if (bytes[12] !== RecordType.ops) continue;
        const taken = judge(bytes);
        if (taken.size === 0) continue;
        count += taken.size;
        const compact = withoutOps(bytes, taken, OpKind.superseded, OpFlag.endOfUnit);
        records[i] = compact;
        this.#replace(bytes, compact);
      }
    }
    return count;
  }

  copyFrom(other: RegionLog): void {
    for (const { records } of other.#segments) {
      this.begin([]);
      for (const bytes of records) this.append(bytes);
    }
  }

  /** Everyone has what `frontier` covers: old segments go as a whole. Returns how many did. */
  release(frontier: VersionEntries): number {
    const stable = new Map(frontier);
    let released = 0;
    while (this.#segments.length > 1) {
      const { lastSeqs } = this.#segments[0] as Segment;
      if ([...lastSeqs].some(([origin, seq]) => seq > (stable.get(origin) ?? 0))) break;
      this.#segments.shift();
      released++;
      for (const [origin, seq] of lastSeqs) {
        const left = this.framesOf(origin).filter(({ lastSeq }) => lastSeq > seq);
        this.#frames.set(origin, left);
      }
    }
    return released;
  }
}
