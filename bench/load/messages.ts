// What the load generator and the prober are told on their command line (one JSON argument) and what
// they answer to the process that started them. They are processes of their own: they must not share
// an event loop with each other or with the control of the benchmark.

import { z } from 'zod';
import { WORKLOAD_NAMES } from './workloads.ts';

export const endpointSchema = z.strictObject({ host: z.string(), port: z.int() });

/** Where clients connect. Both systems let clients in without a password. */
export type Endpoint = z.infer<typeof endpointSchema>;

export const loadOptionsSchema = z.strictObject({
  endpoint: endpointSchema,
  workload: z.enum(WORKLOAD_NAMES),
  keyPrefix: z.string(),
  keys: z.int().min(1),
  valueBytes: z.int().min(0),
  /** Commands per second; 0 is as fast as the server answers. */
  rate: z.number().min(0),
  /** How long to write; 0 is for as many writes as below. */
  seconds: z.number().min(0),
  /** Without it one for each key. */
  writes: z.int().min(1).optional(),
  connections: z.int().min(1),
  /** Without a pace, commands under way on each connection; without it enough to keep the server busy. */
  pipeline: z.int().min(1).optional(),
  /** For loads of some seconds without a pace: so long beforehand writes are made but not counted. */
  warmUpSeconds: z.number().min(0).optional(),
  /** Moment of the first write (as of Date.now()), for generators that are to write together. */
  startAtMs: z.number().optional(),
});

export type LoadOptions = z.infer<typeof loadOptionsSchema>;

export const loadResultSchema = z.strictObject({
  kind: z.literal('result'),
  /** Writes that the server has confirmed: all that were sent, but for those of the warm-up. */
  writes: z.int(),
  seconds: z.number(),
  /** Command sent -> its reply, for loads with a given pipeline. */
  p99Ms: z.number().nullable(),
});

export type LoadResult = z.infer<typeof loadResultSchema>;

export const probeOptionsSchema = z.strictObject({
  writer: endpointSchema,
  reader: endpointSchema,
  stream: z.string(),
  probesPerSecond: z.number().min(1),
  seconds: z.number(),
  /** Probes of the first moments are made but not counted. */
  warmUpSeconds: z.number(),
});

export type ProbeOptions = z.infer<typeof probeOptionsSchema>;

export const probeResultSchema = z.strictObject({
  kind: z.literal('result'),
  /** Command sent at the writer -> entry received at the reader. */
  lagMs: z.array(z.number()),
  /** Command sent at the writer -> its reply: what of the lag is the client's own way. */
  roundTripMs: z.array(z.number()),
});

export type ProbeResult = z.infer<typeof probeResultSchema>;

export const failureSchema = z.strictObject({ kind: z.literal('failure'), message: z.string() });
