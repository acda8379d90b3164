// The records that the log holds besides frames: "these remote ops became visible here", and the state from
// which a segment can be replayed. Together with the frames they are the single history of a replicator.

import { z } from 'zod';
import { CorruptInput } from '../base/errors.ts';
import { encodeRecord, RECORD_HEADER_BYTES, RecordType } from '../wire/record.ts';
import type { Measurement } from './live/live-value.ts';

/** Remote ops of `origin` up to `seq` became visible at `position` of the own stream. */
export interface VisibleRecord {
  readonly origin: number;
  readonly seq: number;
  /** Replication offset behind the batch. */
  readonly position: number;
  /** Number of the batch's fence. */
  readonly fence: number;
}

const VISIBLE_BYTES = 28;

export function encodeVisible(record: VisibleRecord): Buffer {
  const body = Buffer.allocUnsafe(VISIBLE_BYTES);
  body.writeUInt32LE(record.origin, 0);
  body.writeDoubleLE(record.seq, 4);
  body.writeDoubleLE(record.position, 12);
  body.writeDoubleLE(record.fence, 20);
  return encodeRecord(RecordType.visible, body);
}

export function decodeVisible(bytes: Buffer): VisibleRecord {
  if (bytes.length !== RECORD_HEADER_BYTES + VISIBLE_BYTES) {
    throw new CorruptInput('a record of visible ops has the wrong length');
  }
  const at = RECORD_HEADER_BYTES;
  return {
    origin: bytes.readUInt32LE(at),
    seq: bytes.readDoubleLE(at + 4),
    position: bytes.readDoubleLE(at + 12),
    fence: bytes.readDoubleLE(at + 20),
  };
}

/** What was measured of keys before the batch of a fence, in an engine that showed all ops before it. */
export interface MeasuredRecord {
  /** Number of the batch's fence. */
  readonly fence: number;
  /** Keys in latin1. */
  readonly measured: ReadonlyMap<string, Measurement>;
}

const measuredSchema = z.object({
  fence: z.number(),
  measured: z.array(
    z.tuple([
      z.string(),
      z.object({ length: z.number().optional(), document: z.string().nullable().optional() }),
    ]),
  ),
});

export function encodeMeasured({ fence, measured }: MeasuredRecord): Buffer {
  const text = JSON.stringify({ fence, measured: [...measured] });
  return encodeRecord(RecordType.measured, Buffer.from(text));
}

export function decodeMeasured(bytes: Buffer): MeasuredRecord {
  const { fence, measured } = decodeJson(bytes, measuredSchema, 'a record of what was measured');
  return { fence, measured: new Map(measured) };
}

const followedSchema = z.tuple([z.string(), z.number()]);

/** From here on the list at `key` (latin1) is followed; it has so many elements. */
export function encodeFollowed(key: string, length: number): Buffer {
  return encodeRecord(RecordType.followed, Buffer.from(JSON.stringify([key, length])));
}

export function decodeFollowed(bytes: Buffer): [key: string, length: number] {
  return decodeJson(bytes, followedSchema, "a record of a list's length");
}

const overSchema = z.array(z.string());

/** Concurrent ops had met on these keys (latin1); whatever follows in the log has observed all of them. */
export function encodeOver(keys: readonly string[]): Buffer {
  return encodeRecord(RecordType.over, Buffer.from(JSON.stringify(keys)));
}

export function decodeOver(bytes: Buffer): string[] {
  return decodeJson(bytes, overSchema, 'a record of keys that are stable');
}

const forkedSchema = z.object({
  /** Replica id of the owner from here on. */
  self: z.number(),
  /** Of the owner's engine, and its offset: it shows what the log says up to here. */
  replicationId: z.string(),
  position: z.number(),
});

/** The log up to here is a copy of another member's; from here on it is this one's own. */
export type ForkedRecord = z.infer<typeof forkedSchema>;

export function encodeForked(forked: ForkedRecord): Buffer {
  return encodeRecord(RecordType.forked, Buffer.from(JSON.stringify(forked)));
}

export function decodeForked(bytes: Buffer): ForkedRecord {
  return decodeJson(bytes, forkedSchema, "the record of a log's new owner");
}

const checkpointSchema = z.object({
  /** Replica id of the log's owner. */
  self: z.number(),
  /** Replication id of the engine that `position` belongs to. */
  replicationId: z.string(),
  position: z.number(),
  /** Per replica id the highest sequence visible here. */
  visible: z.array(z.tuple([z.number(), z.number()])),
  /** Per replica id the highest sequence received without a gap. */
  received: z.array(z.tuple([z.number(), z.number()])),
  frontier: z.array(z.tuple([z.number(), z.number()])),
  clock: z.number(),
  applyFence: z.number(),
});

/** Where a replicator stood when a segment of its log began. */
export type Checkpoint = z.infer<typeof checkpointSchema>;

export function encodeCheckpoint(checkpoint: Checkpoint): Buffer {
  return encodeRecord(RecordType.checkpoint, Buffer.from(JSON.stringify(checkpoint)));
}

export function decodeCheckpoint(bytes: Buffer): Checkpoint {
  return decodeJson(bytes, checkpointSchema, 'a checkpoint of the log');
}

/** Throws CorruptInput. */
function decodeJson<Value>(bytes: Buffer, schema: z.ZodType<Value>, what: string): Value {
  try {
    return schema.parse(JSON.parse(bytes.subarray(RECORD_HEADER_BYTES).toString()));
  } catch (error) {
    throw new CorruptInput(`${what} cannot be read: ${String(error)}`);
  }
}
