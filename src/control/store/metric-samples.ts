// What was measured, a row for each database or cache and minute, for a week.

import { z } from 'zod';
import type { Db } from './store.ts';

export const KEPT_DAYS = 7;
const KEPT_MS = KEPT_DAYS * 86_400_000;

const readingsShape = z.record(z.string(), z.number());

export interface MetricSample {
  readonly atMs: number;
  readonly readings: z.infer<typeof readingsShape>;
}

export async function addSamples(
  db: Db,
  samples: readonly (MetricSample & { readonly runtime: string })[],
): Promise<void> {
  if (samples.length === 0) return;
  await db
    .insertInto('metric_samples')
    .values(
      samples.map(({ runtime, atMs, readings }) => ({
        runtime,
        at_ms: atMs,
        readings: JSON.stringify(readings),
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

/** In the order of time. */
export async function samplesOf(
  db: Db,
  runtime: string,
  { fromMs, toMs }: { readonly fromMs: number; readonly toMs: number },
): Promise<MetricSample[]> {
  const rows = await db
    .selectFrom('metric_samples')
    .select(['at_ms', 'readings'])
    .where('runtime', '=', runtime)
    .where('at_ms', '>=', fromMs)
    .where('at_ms', '<', toMs)
    .orderBy('at_ms')
    .execute();
  return rows.map(({ at_ms, readings }) => ({
    atMs: at_ms,
    readings: readingsShape.parse(readings),
  }));
}

/** Forgets what is too old, and what is of nothing that there is any more. */
export async function forgetSamples(db: Db, nowMs: number): Promise<void> {
  await db
    .deleteFrom('metric_samples')
    .where('at_ms', '<', nowMs - KEPT_MS)
    .execute();
  const rows = await db.selectFrom('resources').select('hosting').execute();
  const runtimes = rows.flatMap(({ hosting }) =>
    'runtime' in hosting ? [String(hosting.runtime)] : [],
  );
  let others = db.deleteFrom('metric_samples');
  if (runtimes.length > 0) others = others.where('runtime', 'not in', runtimes);
  await others.execute();
}
