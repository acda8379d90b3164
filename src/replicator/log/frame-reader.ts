// Reads frames back from segments for followers that are far behind: big blocks, read ahead.
//
// Every follower walks its own way through the files, so a few positions are remembered, each with
// its block. A follower that asks for the frame behind the one it got last continues there without
// any search. Returned frames are slices of a block; a block is never written again.

import { CorruptInput } from '../../base/errors.ts';
import type { ReplicaId } from '../../model/version-vector.ts';
import { decodeFrameHeader } from '../../wire/frame.ts';
import { RECORD_HEADER_BYTES, type Record, RecordReader, RecordType } from '../../wire/record.ts';
import { BLOCK_BYTES, corruptSegment, readSegment, type Segment } from './segment.ts';

const PLACES_MAX = 8;

interface Place {
  origin: ReplicaId;
  /** The last sequence handed out. */
  seq: number;
  segment: Segment;
  offset: number;
  block: Buffer;
  blockAt: number;
}

export class FrameReader {
  /** Least recently used first. */
  #places: Place[] = [];

  /** The first frame of `origin` beyond `seq`. `segments` are in order; the log knows it is there. */
  frameAfter(segments: readonly Segment[], origin: ReplicaId, seq: number): Buffer | undefined {
    const known = this.#places.findIndex((place) => place.origin === origin && place.seq === seq);
    const place = known >= 0 ? this.#places.splice(known, 1)[0] : undefined;
    const continued =
      place !== undefined && (place.segment.origins.get(origin)?.lastSeq ?? 0) > seq
        ? place
        : this.#find(segments, origin, seq);
    if (continued === undefined) return undefined;
    const frame = this.#walk(continued, seq);
    this.#places.push(continued);
    if (this.#places.length > PLACES_MAX) this.#places.shift();
    return frame;
  }

  /** Forgets places in segments that are gone. */
  forget(segment: Segment): void {
    this.#places = this.#places.filter((place) => place.segment !== segment);
  }

  #find(segments: readonly Segment[], origin: ReplicaId, seq: number): Place | undefined {
    for (const segment of segments) {
      const span = segment.origins.get(origin);
      if (span === undefined || span.lastSeq <= seq) continue;
      const offset = segment.seek(span, seq);
      return { origin, seq, segment, offset, block: Buffer.alloc(0), blockAt: 0 };
    }
    return undefined;
  }

  #walk(place: Place, seq: number): Buffer {
    for (;;) {
      const record = this.#recordAt(place);
      place.offset += record.bytes.length;
      if (record.type !== RecordType.ops) continue;
      const header = decodeFrameHeader(record.bytes);
      if (header.origin !== place.origin) continue;
      const lastSeq = header.firstSeq + header.count - 1;
      if (lastSeq <= seq) continue;
      place.seq = lastSeq;
      return record.bytes;
    }
  }

  #recordAt(place: Place): Record {
    const { segment, offset } = place;
    const headerAt = this.#locate(place, RECORD_HEADER_BYTES);
    const total = RECORD_HEADER_BYTES + place.block.readUInt32LE(headerAt);
    if (offset + total > segment.bytes) {
      throw corruptSegment(segment.path, offset, 'a record is longer than its segment');
    }
    const at = this.#locate(place, total);
    const reader = new RecordReader();
    reader.feed(place.block.subarray(at, at + total));
    try {
      const record = reader.next();
      if (record !== undefined) return record;
      throw new CorruptInput('the record is incomplete');
    } catch (error) {
      if (!(error instanceof CorruptInput)) throw error;
      throw corruptSegment(segment.path, offset, error.message);
    }
  }

  /** Makes sure that `bytes` from the place's offset on are in its block; returns where. */
  #locate(place: Place, bytes: number): number {
    const { segment, offset } = place;
    const at = offset - place.blockAt;
    if (at >= 0 && at + bytes <= place.block.length) return at;
    const wanted = Math.min(Math.max(bytes, BLOCK_BYTES), segment.bytes - offset);
    place.block = wanted < bytes ? Buffer.alloc(0) : readSegment(segment.path, offset, wanted);
    place.blockAt = offset;
    if (place.block.length < bytes) {
      throw corruptSegment(segment.path, offset, 'the file ends here');
    }
    return 0;
  }
}
