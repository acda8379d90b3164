// What travels on a link besides frames, as records. Rare messages are JSON checked by a schema;
// those that come by all the time are binary, little-endian. Decoders throw CorruptInput.
//
//   record   from      body
//   hello    both      JSON Hello
//   refused  both      JSON Refusal; the connection ends behind it
//   ops      dialer    a frame (frame.ts)
//   ping     dialer    f64 sent at
//   pong     acceptor  f64 sent at (from the ping), f64 received at, f64 answered at
//   ack      acceptor  f64 wall clock, u32 count, count x { u32 replica id, f64 sequence }
//   want     acceptor  JSON Want
//   compressed dialer  records, together compressed with zstd
//   tunnel   dialer    JSON TunnelRequest, instead of a hello; what follows it belongs to join/
//
// Versions of the protocol:
//   1  the first

import { z } from 'zod';
import { CorruptInput } from '../../base/errors.ts';
import type { VersionEntries } from '../../model/version-vector.ts';
import { encodeRecord, type Record, RecordType, recordBody } from '../../wire/record.ts';

export const LINK_PROTOCOL = 1;

const ENTRY_BYTES = 12;
const ENTRIES_MAX = 256;

const replicaId = z.int().min(1).max(0xffffffff);
const sequence = z.int().min(0);

const protocolSchema = z.object({ protocol: z.int() });

const helloSchema = z.object({
  protocol: z.int(),
  group: z.string(),
  shard: z.int(),
  epoch: z.int(),
  sender: replicaId,
  /** Whom the sender believes to be talking to. */
  target: replicaId,
  /** Per origin the highest sequence up to which the sender has everything. */
  received: z.array(z.tuple([replicaId, sequence])).max(ENTRIES_MAX),
  /** Members that the sender goes on without, each with the last of its ops that it has. */
  stale: z
    .array(z.tuple([replicaId, sequence]))
    .max(ENTRIES_MAX)
    .default([]),
  /** The sender's software version, for people who read logs. */
  software: z.string().max(100),
});

const tunnelSchema = helloSchema
  .pick({ protocol: true, group: true, shard: true, epoch: true, sender: true, target: true })
  .extend({
    /** The stream of the donor's engine, the donor's log as it is at the cut, or comparing keys with it. */
    purpose: z.enum(['engine', 'log', 'keys']),
    /** Its engine held most of it before: a snapshot may come as a difference, in this version of its messages. */
    delta: z
      .object({
        version: z.int(),
        /** For digests: 16 bytes in base64. */
        salt: z.base64().length(24),
      })
      .optional(),
  });

const refusalSchema = z.object({
  code: z.string().max(50),
  message: z.string().max(1000),
  /** What to do about it. */
  action: z.string().max(1000),
  /** To one that was unlinked or is stale: up to which of its ops the others have them. */
  kept: sequence.optional(),
});

const wantSchema = z.object({ origin: replicaId, afterSeq: sequence });

export type Hello = z.infer<typeof helloSchema>;
export type TunnelRequest = z.infer<typeof tunnelSchema>;
export type Refusal = z.infer<typeof refusalSchema>;
export type Want = z.infer<typeof wantSchema>;

export interface Ack {
  readonly wallMs: number;
  readonly entries: VersionEntries;
}

export interface Pong {
  readonly sentMs: number;
  readonly receivedMs: number;
  readonly answeredMs: number;
}

export const encodeHello = (hello: Hello): Buffer => encodeJson(RecordType.hello, hello);
export const decodeHello = (record: Record): Hello => decodeJson(record, helloSchema, 'hello');

export const encodeTunnel = (request: TunnelRequest): Buffer =>
  encodeJson(RecordType.tunnel, request);
export const decodeTunnel = (record: Record): TunnelRequest =>
  decodeJson(record, tunnelSchema, 'tunnel request');

/** The protocol version of a hello (or of a tunnel request) whose other fields this version may not understand. */
export const protocolOf = (record: Record): number =>
  decodeJson(record, protocolSchema, 'hello').protocol;

export const encodeRefusal = (refusal: Refusal): Buffer => encodeJson(RecordType.refused, refusal);
export const decodeRefusal = (record: Record): Refusal =>
  decodeJson(record, refusalSchema, 'refusal');

export const encodeWant = (want: Want): Buffer => encodeJson(RecordType.want, want);
export const decodeWant = (record: Record): Want => decodeJson(record, wantSchema, 'want');

export function encodeAck({ wallMs, entries }: Ack): Buffer {
  const body = Buffer.allocUnsafe(12 + entries.length * ENTRY_BYTES);
  body.writeDoubleLE(wallMs, 0);
  body.writeUInt32LE(entries.length, 8);
  let at = 12;
  for (const [id, seq] of entries) {
    body.writeUInt32LE(id, at);
    body.writeDoubleLE(seq, at + 4);
    at += ENTRY_BYTES;
  }
  return encodeRecord(RecordType.ack, body);
}

export function decodeAck(record: Record): Ack {
  const body = recordBody(record);
  const count = body.length >= 12 ? body.readUInt32LE(8) : -1;
  if (count < 0 || count > ENTRIES_MAX || body.length !== 12 + count * ENTRY_BYTES) {
    throw new CorruptInput('an ack has the wrong size');
  }
  const entries: [number, number][] = [];
  for (let at = 12; at < body.length; at += ENTRY_BYTES) {
    const seq = body.readDoubleLE(at + 4);
    if (!Number.isSafeInteger(seq) || seq < 0) throw new CorruptInput(`an ack up to ${seq}`);
    entries.push([body.readUInt32LE(at), seq]);
  }
  return { wallMs: finite(body.readDoubleLE(0)), entries };
}

export const encodePing = (sentMs: number): Buffer => encodeDoubles(RecordType.ping, [sentMs]);
export const decodePing = (record: Record): number => decodeDoubles(record, 1)[0] as number;

export const encodePong = ({ sentMs, receivedMs, answeredMs }: Pong): Buffer =>
  encodeDoubles(RecordType.pong, [sentMs, receivedMs, answeredMs]);

export function decodePong(record: Record): Pong {
  const [sentMs, receivedMs, answeredMs] = decodeDoubles(record, 3) as [number, number, number];
  return { sentMs, receivedMs, answeredMs };
}

function encodeDoubles(type: RecordType, values: readonly number[]): Buffer {
  const body = Buffer.allocUnsafe(values.length * 8);
  values.forEach((value, i) => {
    body.writeDoubleLE(value, i * 8);
  });
  return encodeRecord(type, body);
}

function decodeDoubles(record: Record, count: number): number[] {
  const body = recordBody(record);
  if (body.length !== count * 8) throw new CorruptInput('a clock probe has the wrong size');
  return Array.from({ length: count }, (_, i) => finite(body.readDoubleLE(i * 8)));
}

function finite(value: number): number {
  if (!Number.isFinite(value)) throw new CorruptInput('a clock reads no number');
  return value;
}

/** A record whose body is JSON. */
export function encodeJson(type: RecordType, value: object): Buffer {
  return encodeRecord(type, Buffer.from(JSON.stringify(value)));
}

/** What the JSON of a record says, checked by `schema`; throws CorruptInput, with `name` in it. */
export function decodeJson<Value>(record: Record, schema: z.ZodType<Value>, name: string): Value {
  let json: unknown;
  try {
    json = JSON.parse(recordBody(record).toString());
  } catch {
    throw new CorruptInput(`a ${name} that is no JSON`);
  }
  const result = schema.safeParse(json);
  if (!result.success) {
    throw new CorruptInput(`a ${name} with wrong fields: ${z.prettifyError(result.error)}`);
  }
  return result.data;
}
