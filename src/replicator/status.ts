// What GET /status of a replicator answers. Other tools rely on these names.

import { z } from 'zod';

const count = z.number();

const heldSchema = z.object({
  heldFrames: count,
  /** Since when, ms since the epoch. */
  heldSinceMs: count,
  /** How far the first of the held writes is ahead of the time here, ms. */
  aheadMs: count,
});

const engineMemorySchema = z.object({
  /** As the engine counts it against maxmemory; null: not known. */
  usedBytes: z.number().nullable(),
  /** maxmemory: what clients may fill; 0 is without limit. */
  limitBytes: count,
  /** What replication may use beyond that. */
  reserveBytes: count,
  policy: z.string().nullable(),
  /** Keys that the engine evicted since it started. */
  evictedKeys: count,
  /** Transactions and reads that the engine refused for want of memory. They are tried again. */
  refusals: count,
  /** `full`: clients are refused, replication uses the reserve. `waiting`: that is full too. */
  state: z.enum(['ok', 'full', 'waiting']),
  alarm: z.string().nullable(),
});

const outageSchema = z.object({
  /** Since when the peer cannot be reached, ms since the epoch. */
  sinceMs: count,
  /** Kept for it: ops of all members, in the log here. */
  ops: count,
  bytes: count,
  /** Measured over the last ten minutes; null: not for long enough. */
  growthBytesPerHour: z.number().nullable(),
  /** What the log can grow to, by the settings and the disk. */
  limitBytes: count,
  /** Until it is that large, at this rate; null: it does not grow, or nothing is known. */
  runwayMs: z.number().nullable(),
  level: z.enum(['ok', 'warning', 'critical']),
  alarm: z.string().nullable(),
});

const captureSchema = z.object({
  /** Whose stream is captured; null: nobody's at the moment. */
  source: z.enum(['engine', 'standby']).nullable(),
  /** Of the stream; null: it has not begun. */
  replicationId: z.string().nullable(),
  standby: z
    .object({
      host: z.string(),
      port: z.number(),
      /** Why capture cannot read from it; null: it can. */
      obstacle: z.string().nullable(),
      /** What the engine has streamed and the standby has not carried out; null: not known. */
      lagBytes: z.number().nullable(),
    })
    .nullable(),
});

const staleSchema = z.object({
  /** Up to which of its ops the others have them; null: not all agree yet. */
  kept: z.number().nullable(),
  /** Regions that have to agree. */
  awaited: z.array(z.string()),
  alarm: z.string(),
});

const gapSchema = z.object({
  /** What was missed is mended, since the start. */
  isOver: z.boolean(),
  /** Keys that differ from those of another member, as far as is known. */
  comparing: count,
  /** Keys of which this member's value was shipped. */
  asserted: count,
  /** Keys that were gone here, and were fetched back. */
  restored: count,
});

const theirWritesSchema = z.object({
  /** The last of its own ops that has arrived here. */
  received: count,
  /** The last that it said it had written. */
  said: count,
  /** Those that not everyone has yet, as far as they are here. */
  keptOps: count,
  keptBytes: count,
  /** Age of the oldest of these; null: there is none. */
  oldestMs: z.number().nullable(),
});

const clockStatusSchema = z.object({
  /** The limit: what is further ahead is held. */
  maxAheadMs: count,
  /** How far the timestamps that are given here are ahead of the time here. */
  aheadMs: count,
  /** Own clock minus that of the majority of the peers; null: none is known. */
  aheadOfPeersMs: z.number().nullable(),
  /** So many peers' clocks are known. */
  peers: count,
  /** Added to the own clock where writes are stamped. */
  correctionMs: count,
  alarm: z.string().nullable(),
});

export const peerStatusSchema = z.object({
  id: z.number(),
  region: z.string(),
  connected: z.boolean(),
  /** Traffic with this peer was stopped on request. */
  cut: z.boolean(),
  /** Write executed there -> visible here, ms, corrected by the measured clock skew. Without recent
   * writes half a round trip; without a link since when nothing was heard; null: nothing known yet. */
  lagMs: z.number().nullable(),
  roundTripMs: z.number().nullable(),
  /** Their clock minus ours, ms. */
  clockSkewMs: z.number().nullable(),
  /** Our ops that this peer has not confirmed. */
  pendingOps: count,
  pendingBytes: count,
  sentBytes: count,
  receivedBytes: count,
  lastError: z.string().nullable(),
  /** What is held of this peer's own writes, because its clock is ahead; null: nothing. A replicator always
   * tells it. */
  held: heldSchema.nullable().optional(),
  /** Age of the oldest of our ops that this peer has not confirmed, by the clock here; null: there is none. */
  pendingOldestMs: z.number().nullable().optional(),
  /** Its own ops. */
  writes: theirWritesSchema.optional(),
  /** What is kept for it while it cannot be reached; null: it can. */
  outage: outageSchema.nullable().optional(),
  /** This member goes on without it, as too much was kept for it; null: it takes part. */
  stale: staleSchema.nullable().optional(),
});

export const replicatorStatusSchema = z.object({
  id: z.number(),
  group: z.string(),
  epoch: z.number(),
  region: z.string(),
  engine: z.object({
    up: z.boolean(),
    version: z.string().nullable(),
    host: z.string(),
    port: z.number(),
    keys: z.number().nullable(),
  }),
  /** Nothing is under way here: no op waits to be applied, read or confirmed visible. */
  idle: z.boolean(),
  /** Replication offset up to which the engine's stream has been taken in. */
  capturedOffset: z.number(),
  /** A replicator always tells it. */
  capture: captureSchema.optional(),
  /** Per replica id the highest sequence visible in this engine; own id: the last own op. */
  versionVector: z.record(z.string(), z.number()),
  /** Per replica id the highest sequence that has arrived without a gap; own id: the last own op. */
  received: z.record(z.string(), z.number()),
  frontier: z.record(z.string(), z.number()),
  captured: count,
  applied: count,
  /** Ops that arrived more than once and were dropped. */
  skipped: count,
  /** Concurrent writes merged, by type. */
  conflicts: z.record(z.string(), count),
  /** The same by type and rule. A replicator always tells them. */
  conflictRules: z.record(z.string(), z.record(z.string(), count)).optional(),
  liveIndex: z.object({
    keys: count,
    ops: count,
    /** Keys on which concurrent ops have met. A replicator always tells this and the following. */
    merged: count.optional(),
    /** In memory, estimated. */
    bytes: count.optional(),
    diskBytes: count.optional(),
  }),
  logBytes: count,
  /** Replica ids whose ops are in the log; a replay needs to know them. A replicator always tells them. */
  logOrigins: z.array(z.number()).optional(),
  /** Free on the disk of the log; null: not known. A replicator always tells it. */
  diskFreeBytes: z.number().nullable().optional(),
  /** The log cannot be written for want of room: replication stands still; null: it can. */
  diskAlarm: z.string().nullable().optional(),
  /** Writes of the engine were missed: how far that is mended; null: none were, since the start. */
  gap: gapSchema.nullable().optional(),
  /** Transactions that the engine refused because a client had written in between. */
  applyRetries: count,
  applyRaces: count,
  /** Applied commands that the engine answered with an error. */
  applyErrors: count,
  /** Fences in the stream that this replicator did not make. A replicator always tells them. */
  strangeFences: count.optional(),
  /** Commands without a merge rule of their own, by name. A replicator always tells them. */
  unknownCommands: z.record(z.string(), z.number()).optional(),
  waiting: count,
  memory: z.object({ rssBytes: count, heapBytes: count }),
  /** The others do without this member: what they have of its writes, and how many it alone has. */
  unlinked: z
    .object({ kept: count, quarantined: count, isStale: z.boolean().optional() })
    .nullable(),
  peers: z.array(peerStatusSchema),
  /** The clocks. A replicator always tells it. */
  clock: clockStatusSchema.optional(),
  /** A replicator always tells it. */
  engineMemory: engineMemorySchema.optional(),
});

export type CaptureStatus = z.infer<typeof captureSchema>;
export type PeerStatus = z.infer<typeof peerStatusSchema>;
export type ClockStatus = z.infer<typeof clockStatusSchema>;
export type EngineMemoryStatus = z.infer<typeof engineMemorySchema>;
export type OutageStatus = z.infer<typeof outageSchema>;
export type StaleStatus = z.infer<typeof staleSchema>;
export type GapStatus = z.infer<typeof gapSchema>;
export type HeldStatus = z.infer<typeof heldSchema>;
export type ReplicatorStatus = z.infer<typeof replicatorStatusSchema>;
