// What donor and newcomer say on a tunnel, behind the request (link/messages.ts).
//
//   purpose  from    record      body
//   engine   donor   tunnelled   JSON EngineFacts; then the bytes of the engine's connection, both ways,
//                                or, when it says delta, the records of delta/messages.ts
//   log      donor   tunnelled   JSON LogManifest
//   log      donor   logPiece    bytes of the files, in order; a piece belongs to one file
//   log      donor   logEnd      JSON LogEnd
//   both     donor   refused     JSON Refusal, in place of `tunnelled`

import { z } from 'zod';
import { type Record, RecordType } from '../../wire/record.ts';
import { decodeJson, encodeJson } from '../link/messages.ts';

const count = z.int().min(0);

const engineFactsSchema = z.object({
  /** What the donor's engine uses for its data, in bytes. */
  dataBytes: count,
  /** The snapshot comes as a difference, in this version of its messages. */
  delta: z.int().optional(),
});

const logManifestSchema = z.object({
  /** The offset in the stream of the donor's engine at which it is cut. */
  position: count,
  /** Of the donor's engine. */
  replicationId: z.string().max(64),
  /** The donor's replica id. */
  self: z.int().min(1),
  /** Plain names, each with the length at the cut. */
  files: z.array(
    z.object({ name: z.string().regex(/^[0-9A-Za-z_-][0-9A-Za-z._-]*$/), bytes: count }),
  ),
});

const logEndSchema = z.object({ files: count, bytes: count });

export type EngineFacts = z.infer<typeof engineFactsSchema>;
export type LogManifest = z.infer<typeof logManifestSchema>;
export type LogEnd = z.infer<typeof logEndSchema>;

export const encodeEngineFacts = (facts: EngineFacts): Buffer =>
  encodeJson(RecordType.tunnelled, facts);
export const decodeEngineFacts = (record: Record): EngineFacts =>
  decodeJson(record, engineFactsSchema, 'tunnel answer');

export const encodeLogManifest = (manifest: LogManifest): Buffer =>
  encodeJson(RecordType.tunnelled, manifest);
export const decodeLogManifest = (record: Record): LogManifest =>
  decodeJson(record, logManifestSchema, 'log manifest');

export const encodeLogEnd = (end: LogEnd): Buffer => encodeJson(RecordType.logEnd, end);
export const decodeLogEnd = (record: Record): LogEnd => decodeJson(record, logEndSchema, 'log end');
