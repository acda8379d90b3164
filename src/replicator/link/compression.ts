// Records travel together in one compressed record where a link is far and compression is on.
//
// The batch is bounded, and the receiver decompresses no further than that bound: a small record
// that would unfold into gigabytes is refused. Longer records travel as they are.

import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { CorruptInput } from '../../base/errors.ts';
import {
  encodeRecord,
  RECORD_HEADER_BYTES,
  type Record,
  RecordReader,
  RecordType,
  recordBody,
} from '../../wire/record.ts';

/** Part of the protocol: what is compressed together is at most this long. */
export const BATCH_BYTES_MAX = 8 * 1024 * 1024;

const BATCH_BYTES_MIN = 512;

/** One compressed record that stands for `records`, or undefined when that would not pay. */
export function compressRecords(
  records: readonly Buffer[],
  bytes: number,
  level: number,
): Buffer | undefined {
  if (bytes < BATCH_BYTES_MIN || bytes > BATCH_BYTES_MAX) return undefined;
  const packed = zstdCompressSync(Buffer.concat(records, bytes), {
    params: { [constants.ZSTD_c_compressionLevel]: level },
  });
  if (packed.length + RECORD_HEADER_BYTES >= bytes) return undefined;
  return encodeRecord(RecordType.compressed, packed);
}

/** The records in a compressed record. Throws CorruptInput. */
export function unpackRecords(record: Record): Record[] {
  let bytes: Buffer;
  try {
    bytes = zstdDecompressSync(recordBody(record), { maxOutputLength: BATCH_BYTES_MAX });
  } catch (error) {
    throw new CorruptInput(
      `a compressed record does not unfold: ${error instanceof Error ? error.message : error}`,
    );
  }
  const reader = new RecordReader();
  reader.feed(bytes);
  const records: Record[] = [];
  for (let inner = reader.next(); inner !== undefined; inner = reader.next()) {
    if (inner.type === RecordType.compressed) throw new CorruptInput('compressed twice');
    records.push(inner);
  }
  if (reader.pendingBytes > 0) throw new CorruptInput('a compressed record ends in mid-record');
  return records;
}
