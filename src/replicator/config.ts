// The settings of one replicator: a JSON file, checked before anything starts.

import { z } from 'zod';

const port = z.int().min(0).max(65535);

/** Members of a group that take part at the same time. */
export const MEMBERS_MAX = 5;

/** Up to ten years: as good as no limit. */
export const clockLimitSchema = z.number().min(100).max(315_360_000_000);

const memberSchema = z.strictObject({
  /** Replica id of the member's present incarnation. */
  id: z.int().min(1).max(0xffffffff),
  region: z.string().min(1),
  /** Where its replicator listens for its peers. */
  host: z.string().min(1),
  port,
  /** It left, or was unlinked: nothing more comes from it. Of its ops those up to `last` are kept, which is the most
   * that any of the others had; they fetch from each other what they lack. */
  gone: z.strictObject({ last: z.int().min(0) }).optional(),
});

export const replicatorConfigSchema = z.strictObject({
  group: z.string().min(1),
  /** Rises with every change of the membership; peers of an older epoch are refused. */
  epoch: z.int().min(1),
  shard: z.int().min(0).default(0),
  /** This replicator's own id; must be one of `members`. */
  self: z.int().min(1),
  /** Its engine has lost its data: it only hands over to its peers what it has logged. */
  drains: z.boolean().default(false),
  /** A new member: before all else it takes over everything from this one. Ignored once that is done. */
  join: z.strictObject({ donor: z.int().min(1) }).optional(),
  members: z
    .array(memberSchema)
    .min(1)
    .refine((members) => members.filter((m) => m.gone === undefined).length <= MEMBERS_MAX, {
      error: `at most ${MEMBERS_MAX} members that are not gone`,
    }),
  engine: z.strictObject({
    host: z.string().min(1),
    port,
    username: z.string().min(1),
    password: z.string(),
  }),
  /** A replica of the engine, with the same users: capture reads from it, so that it can take the engine's place. */
  standby: z.strictObject({ host: z.string().min(1), port }).optional(),
  memory: z
    .strictObject({
      /** Share of the engine's maxmemory that replication may use on top, when clients have filled it. */
      reserve: z.number().min(0).max(1).default(0.05),
    })
    .prefault({}),
  /** Where the log and the secret of the fences live. */
  stateDir: z.string().min(1),
  /** HTTP: /status, /metrics, /conflicts, /keys, /links/cut, /links/heal. */
  admin: z.strictObject({ host: z.string().min(1), port }),
  /** PEM files for mutual TLS between replicators; null is plain TCP and allowed on loopback only. */
  tls: z.strictObject({ caFile: z.string(), certFile: z.string(), keyFile: z.string() }).nullable(),
  link: z
    .strictObject({
      /** zstd level, 0 is off. */
      compression: z.int().min(0).max(19).default(0),
      /** Artificial one-way delay in ms towards each peer (by replica id), for trying out distances. */
      delayMs: z.record(z.string(), z.number().min(0).max(10_000)).default({}),
    })
    .prefault({}),
  log: z
    .strictObject({
      segmentBytes: z
        .int()
        .min(4096)
        .default(64 * 1024 * 1024),
      fsync: z.enum(['no', 'everysec', 'always']).default('no'),
      /** What the log may grow to while a member cannot be reached: beyond that it becomes stale. */
      maxBytes: z
        .int()
        .min(1024 * 1024)
        .default(16 * 1024 ** 3),
      /** A member that cannot be reached is given up too when less of the disk is free. */
      minFreeShare: z.number().min(0).max(0.9).default(0.05),
    })
    .prefault({}),
  liveIndex: z
    .strictObject({
      /** What it may take of memory, about, while a member cannot be reached: beyond that it becomes stale. */
      maxBytes: z
        .int()
        .min(1024 * 1024)
        .default(1024 ** 3),
    })
    .prefault({}),
  /** Alarms while a member cannot be reached: at its rate the limit is reached within so many ms. */
  runway: z
    .strictObject({
      warnMs: z.number().min(0).default(14_400_000),
      criticalMs: z.number().min(0).default(3_600_000),
    })
    .prefault({}),
  clock: z
    .strictObject({
      /** Ops of a peer whose timestamps are further ahead of the clock here are held until it has come near. */
      maxAheadMs: clockLimitSchema.default(60_000),
    })
    .prefault({}),
  /** What is recorded of conflicts for GET /conflicts. They are always counted. */
  conflicts: z
    .strictObject({
      /** Record what was written too, and not only who wrote how much when. */
      values: z.boolean().default(false),
      /** The last so many records are kept, in memory; 0 is none. */
      maxRecords: z.int().min(0).max(100_000).default(2000),
    })
    .prefault({}),
  /** Whether libraries of functions (FUNCTION LOAD) are those of each region, or the same in all. */
  functions: z.enum(['local', 'replicated']).default('local'),
  /** How long the replication stream is left to gather before it is read, in ms. */
  gatherMs: z.number().min(0).max(100).default(1),
  logLevel: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace']).default('info'),
});

export type ReplicatorConfig = z.infer<typeof replicatorConfigSchema>;
export type Member = z.infer<typeof memberSchema>;
