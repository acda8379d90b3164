import type { Endpoint, LoadOptions } from '../load/messages.ts';
import { KEYSPACE } from '../redis-benchmark.ts';
import { VALUE } from './context.ts';

/** SETs on random keys at a fixed pace, over a few connections. */
export function pacedLoad(endpoint: Endpoint, rate: number, seconds: number): LoadOptions {
  return {
    endpoint,
    command: 'setRandom',
    keyPrefix: 'paced:',
    keys: KEYSPACE,
    valueBytes: VALUE.length,
    rate,
    seconds,
    connections: 4,
  };
}
