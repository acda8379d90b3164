// What GET /conflicts and GET /keys of a replicator answer. Other tools rely on these names.
//
// Keys and values are bytes: here they are text, with escapes for what is no text (base/printable.ts).

import { z } from 'zod';

const count = z.number();

/** A write, wherever it was made. */
const writerSchema = z.object({
  region: z.string(),
  replica: z.number(),
  /** Of the hybrid clock, ms since the epoch. */
  timestampMs: z.number(),
  command: z.string(),
  /** Size of the command. */
  bytes: count,
});

const conflictSideSchema = writerSchema.extend({
  /** Number of the op at its replica; with `replica` its identity. */
  seq: z.number(),
  /** Orders what has the same `timestampMs`. */
  tick: z.number(),
  outcome: z.enum(['won', 'lost', 'kept']),
  /** What was assigned or added; of an expiry ms since the epoch, or none. Values of clients are there only
   * when `values` is set. */
  value: z.string().optional(),
});

const conflictSchema = z.object({
  /** When the two were merged in this region. */
  timeMs: z.number(),
  key: z.string(),
  keyBytes: count,
  type: z.string(),
  rule: z.string(),
  /** Field or member in which they met. */
  cell: z.string().optional(),
  /** Of two that are both kept, the newer one. */
  winner: conflictSideSchema,
  loser: conflictSideSchema,
  /** Conflicts of this type that were not recorded since the record before. */
  skipped: count,
});

export const conflictsAnswerSchema = z.object({
  region: z.string(),
  replica: z.number(),
  /** All conflicts since the replicator started, by type and rule. */
  counts: z.record(z.string(), z.record(z.string(), count)),
  /** Whether values are recorded. */
  values: z.boolean(),
  /** Records that match; `records` has the newest of them. */
  matching: count,
  records: z.array(conflictSchema),
});

export const keyAnswerSchema = z.object({
  region: z.string(),
  replica: z.number(),
  key: z.string(),
  /** Ops on the key that are visible here and that some member has not confirmed. */
  pendingOps: count,
  /** Of the newest of these; null: all are stable. */
  lastWriter: writerSchema.nullable(),
  /** Concurrent ops have met on the key. */
  merged: z.boolean(),
  /** The value is known only where it was written: its newest writer's region will ship it. */
  holdsUnknown: z.boolean(),
  /** A DEL was not carried out here, as a change of the expiry protects the key. */
  heldBack: z.boolean(),
  /** Ops of peers, on any key, that have arrived here and are not visible yet. */
  waiting: count,
});

export type ConflictAnswer = z.infer<typeof conflictSchema>;
export type ConflictsAnswer = z.infer<typeof conflictsAnswerSchema>;
export type KeyAnswer = z.infer<typeof keyAnswerSchema>;
