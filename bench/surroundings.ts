// Where the figures come from: the machine, and whether both engines really run with equal settings.

import { cpus, release, totalmem } from 'node:os';
import type { Redis } from 'ioredis';

/** Settings of an engine that make it faster, slower, bigger or smaller. */
const SETTINGS_THAT_MATTER = [
  'save',
  'appendonly',
  'maxmemory',
  'maxmemory-policy',
  'io-threads',
  'hz',
  'dynamic-hz',
  'activerehashing',
  'activedefrag',
  'repl-backlog-size',
  'repl-diskless-sync',
  'repl-disable-tcp-nodelay',
  'lazyfree-lazy-user-del',
  'notify-keyspace-events',
  'slowlog-log-slower-than',
  'latency-monitor-threshold',
];

export function describeMachine(): string {
  const all = cpus();
  const gigabytes = Math.round(totalmem() / 1024 ** 3);
  const model = all[0]?.model ?? 'unknown processor';
  return `${all.length} x ${model}, ${gigabytes} GB, Linux ${release()}, Node ${process.version}`;
}

/** Names of the settings in which the two engines differ. */
export async function differingSettings(one: Redis, other: Redis): Promise<string[]> {
  const differing: string[] = [];
  for (const name of SETTINGS_THAT_MATTER) {
    const values = await Promise.all([one.config('GET', name), other.config('GET', name)]);
    if (JSON.stringify(values[0]) !== JSON.stringify(values[1])) differing.push(name);
  }
  return differing;
}
