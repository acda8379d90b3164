// Writes at a fixed pace, over a few connections: what is written, and what that needs before and after.

import type { Pair } from '../control.ts';
import { keyName } from '../load/command-source.ts';
import type { Endpoint, LoadOptions } from '../load/messages.ts';
import type { WorkloadName } from '../load/workloads.ts';
import { KEYSPACE } from '../redis-benchmark.ts';
import { VALUE } from './context.ts';

export interface Writes {
  /** As in the report. */
  readonly title: string;
  readonly workload: WorkloadName;
  readonly keyPrefix: string;
  readonly keys: number;
  /** Elements in each list from the beginning, so that pops find something. */
  readonly waiting?: number;
}

/** On random keys: the load of warming up, and the one that targets speak of. */
export const SETS: Writes = {
  title: 'SET',
  workload: 'setRandom',
  keyPrefix: 'paced:',
  keys: KEYSPACE,
};

export const QUEUE: Writes = {
  title: 'LPUSH and RPOP',
  workload: 'queue',
  keyPrefix: 'paced-queue:',
  keys: 1,
  waiting: 1000,
};

export const OTHER_WRITES: readonly Writes[] = [
  QUEUE,
  { title: 'XADD', workload: 'append', keyPrefix: 'paced-stream:', keys: 1 },
  {
    title: 'XADD MAXLEN ~',
    workload: 'appendTrimmed',
    keyPrefix: 'paced-trimmed:',
    keys: 1,
  },
  { title: 'mixed', workload: 'mixed', keyPrefix: 'paced-mixed:', keys: 1 },
];

export function pacedLoad(
  writes: Writes,
  pace: { endpoint: Endpoint; rate: number; seconds: number },
): LoadOptions {
  const { workload, keyPrefix, keys } = writes;
  return { workload, keyPrefix, keys, valueBytes: VALUE.length, connections: 4, ...pace };
}

/** Puts there what the writes expect to find. */
export async function prepare(pair: Pair, writes: Writes): Promise<void> {
  if (writes.waiting === undefined) return;
  const elements = Array.from({ length: writes.waiting }, () => VALUE);
  for (let number = 0; number < writes.keys; number += 1) {
    await pair.writer.lpush(keyName(writes.keyPrefix, number), ...elements);
  }
  await pair.untilLevel();
}

/** Removes what would grow from round to round. */
export async function clean(pair: Pair, writes: Writes): Promise<void> {
  if (writes !== SETS) await pair.clear(`${writes.keyPrefix}*`);
}
