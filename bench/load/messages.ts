// What the load generator and the prober are told on their command line (one JSON argument) and what
// they answer to the process that started them. They are processes of their own: they must not share
// an event loop with each other or with the control of the benchmark.

import { z } from 'zod';

export const endpointSchema = z.strictObject({ host: z.string(), port: z.int() });

/** Where clients connect. Both systems let clients in without a password. */
export type Endpoint = z.infer<typeof endpointSchema>;

export const loadOptionsSchema = z.strictObject({
  endpoint: endpointSchema,
  /** What is written: `set` and `unlink` walk through keys 0..keys-1, `setRandom` picks among them. */
  command: z.enum(['set', 'setRandom', 'unlink']),
  keyPrefix: z.string(),
  keys: z.int().min(1),
  valueBytes: z.int().min(0),
  /** Commands per second; 0 is as fast as the server answers. */
  rate: z.number().min(0),
  /** How long to write; 0 is until each key had its turn. */
  seconds: z.number().min(0),
  connections: z.int().min(1),
});

export type LoadOptions = z.infer<typeof loadOptionsSchema>;

export const loadResultSchema = z.strictObject({
  kind: z.literal('result'),
  /** Writes that the server has confirmed: all that were sent. */
  writes: z.int(),
  seconds: z.number(),
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
