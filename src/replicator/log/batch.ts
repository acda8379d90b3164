// Records that are appended together count together: a crash in the middle leaves none of them.

import { CorruptInput } from '../../base/errors.ts';
import { encodeRecord, type Record, RecordType, recordBody } from '../../wire/record.ts';

/** The record in front of them: how many bytes they have. */
export function encodeBatch(records: readonly Buffer[]): Buffer {
  const body = Buffer.allocUnsafe(8);
  body.writeDoubleLE(records.reduce((sum, record) => sum + record.length, 0));
  return encodeRecord(RecordType.batch, body);
}

/** Throws CorruptInput. */
export function decodeBatch(record: Record): number {
  const body = recordBody(record);
  if (body.length !== 8) throw new CorruptInput('a batch record has the wrong length');
  return body.readDoubleLE();
}
