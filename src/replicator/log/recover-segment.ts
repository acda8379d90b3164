// Reads a segment back after a start: what was appended together counts together.

import { type Record, RecordType } from '../../wire/record.ts';
import { decodeBatch } from './batch.ts';
import { corruptSegment, type Segment, type SegmentEnd, scanSegment } from './segment.ts';

/**
 * Yields the records of a segment, those of a batch only when all of it is there, and returns where they end.
 * `onFrame` is told of each frame before it is yielded. Throws OperatorError where a crash does not explain what is
 * missing.
 */
export function* recoverSegment(
  segment: Segment,
  isLast: boolean,
  onFrame: (frame: Buffer, offset: number) => void,
): Generator<Record, SegmentEnd> {
  const scan = scanSegment(segment.path, isLast);
  const held: { record: Record; offset: number }[] = [];
  let batchStart = 0;
  let batchEnd = 0;
  let step = scan.next();
  for (; step.done !== true; step = scan.next()) {
    const { record, offset } = step.value;
    const end = offset + record.bytes.length;
    if (record.type === RecordType.batch) {
      batchStart = offset;
      batchEnd = end + decodeBatch(record);
      continue;
    }
    held.push({ record, offset });
    if (end < batchEnd) continue;
    for (const whole of held.splice(0)) {
      if (whole.record.type === RecordType.checkpoint) segment.checkpointBytes = end;
      if (whole.record.type === RecordType.ops) onFrame(whole.record.bytes, whole.offset);
      yield whole.record;
    }
  }
  const { end, torn } = step.value;
  if (end >= batchEnd) return { end, torn };
  if (!isLast) throw corruptSegment(segment.path, batchStart, 'a batch is incomplete');
  return { end: batchStart, torn: torn ?? 'the batch is incomplete' };
}
