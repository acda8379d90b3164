// Finds the frame of a single op in segments on disk. Unlike a follower (frame-reader.ts), who asks for ops asks here and there:
// little is read around each.

import { CorruptInput } from '../../base/errors.ts';
import type { ReplicaId } from '../../model/version-vector.ts';
import { decodeFrameHeader } from '../../wire/frame.ts';
import { RECORD_HEADER_BYTES, RecordReader, RecordType } from '../../wire/record.ts';
import { corruptSegment, readSegment, type Segment } from './segment.ts';

/** A stride of the index, mostly. */
const WINDOW_BYTES = 20 * 1024;
/** As much of a frame as says whose it is and where it ends. */
const HEAD_BYTES = RECORD_HEADER_BYTES + 16;

/** The frame of `origin` that has `seq`; undefined: no segment has it. */
export function frameOnDisk(
  segments: readonly Segment[],
  origin: ReplicaId,
  seq: number,
): Buffer | undefined {
  for (let i = segments.length - 1; i >= 0; i--) {
    const segment = segments[i] as Segment;
    const span = segment.origins.get(origin);
    if (span === undefined || span.firstSeq > seq) continue;
    return span.lastSeq < seq ? undefined : walk(segment, segment.seek(span, seq - 1), origin, seq);
  }
  return undefined;
}

function walk(segment: Segment, from: number, origin: ReplicaId, seq: number): Buffer {
  const { path } = segment;
  let windowAt = from;
  let window = readSegment(path, from, WINDOW_BYTES);
  for (let offset = from; ; ) {
    let at = offset - windowAt;
    if (at + HEAD_BYTES > window.length) {
      window = readSegment(path, offset, WINDOW_BYTES);
      windowAt = offset;
      at = 0;
    }
    if (window.length < RECORD_HEADER_BYTES)
      throw corruptSegment(path, offset, 'the file ends here');
    const end = at + RECORD_HEADER_BYTES + window.readUInt32LE(at);
    const isOfOrigin =
      window[at + 12] === RecordType.ops &&
      window.readUInt32LE(at + RECORD_HEADER_BYTES) === origin;
    if (isOfOrigin) {
      const bytes = end - at;
      const isWhole = end <= window.length;
      const frame = isWhole ? window.subarray(at, end) : readSegment(path, offset, bytes);
      const { firstSeq, count } = decodeFrameHeader(frame);
      if (firstSeq + count > seq) return checked(frame, path, offset);
    }
    offset += end - at;
  }
}

/** Bytes come from outside: their checksum is verified. */
function checked(frame: Buffer, path: string, offset: number): Buffer {
  const reader = new RecordReader();
  reader.feed(frame);
  try {
    if (reader.next() !== undefined) return frame;
    throw new CorruptInput('the record is incomplete');
  } catch (error) {
    if (!(error instanceof CorruptInput)) throw error;
    throw corruptSegment(path, offset, error.message);
  }
}
