// What the process that joins is told and what it answers.

import { z } from 'zod';
import { replicatorConfigSchema } from '../../src/replicator/config.ts';

export const joinerOptionsSchema = z.strictObject({
  config: replicatorConfigSchema,
  /** Replica id. */
  donor: z.int(),
});

export type JoinerOptions = z.input<typeof joinerOptionsSchema>;

export const joinResultSchema = z.strictObject({
  kind: z.literal('result'),
  seconds: z.number(),
  /** Of the process that joined, for joining only. */
  cpuSeconds: z.number(),
  /** Through the tunnel. */
  bytes: z.number(),
});

export type JoinResult = z.infer<typeof joinResultSchema>;
