// What replication adds to a key in the engine: the same keys in an engine of its own take how many
// bytes less? Needs systems without data, because the engine's hash tables grow in powers of two.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { connectControl, infoNumber } from '../control.ts';
import type { Endpoint } from '../load/messages.ts';
import { runLoad } from '../load/run.ts';
import type { Measurement } from '../report.ts';
import { startEngine } from '../systems/engine-process.ts';
import { type Context, inTurns, VALUE } from './context.ts';

/** The engine shrinks the buffers of idle clients and counts their memory about once a second. */
const SETTLE_MS = 1500;

export async function memory(context: Context): Promise<Measurement[]> {
  const { keys } = context.plan.memory;
  context.progress('memory: an engine alone');
  const alone = await bytesPerKeyAlone(context, keys);
  const turns = await inTurns(context, 1, async (pair) => {
    context.progress(`memory: ${pair.system.name}`);
    return bytesPerKey(context, {
      writer: pair.system.writer,
      engines: [pair.writer, pair.reader],
      keys,
      settled: () => pair.untilLevel(),
    });
  });
  const extra = (side: number, name: string): Measurement => ({
    section: `memory in the engine, ${keys.toLocaleString('en-US')} keys of ${VALUE.length} bytes`,
    name,
    unit: 'bytes',
    baseline: extraBytes(turns.baseline[0]?.[side], alone),
    candidate: extraBytes(turns.candidate[0]?.[side], alone),
    target: { of: 'value', bound: 'atMost', limit: 0 },
  });
  return [
    extra(0, 'extra bytes per key at the writer'),
    extra(1, 'extra bytes per key at the reader'),
  ];
}

/**
 * The difference in whole bytes: an engine's own bookkeeping varies by some ten kilobytes from run to
 * run, which over so many keys is a fraction of a byte.
 */
function extraBytes(bytes: number | undefined, alone: number): number | null {
  return bytes === undefined ? null : Math.round(bytes - alone);
}

async function bytesPerKeyAlone(context: Context, keys: number): Promise<number> {
  const { engine, dir, cleanup } = context;
  const lone = await startEngine({ engine, dir, name: 'lone', cleanup });
  const control = await connectControl(lone);
  const forget = cleanup.defer(() => control.disconnect());
  const writer = { host: lone.host, port: lone.port };
  const measured = await bytesPerKey(context, { writer, engines: [control], keys });
  control.disconnect();
  forget();
  await lone.stop();
  return measured[0] ?? Number.NaN;
}

async function bytesPerKey(
  context: Context,
  options: {
    writer: Endpoint;
    engines: readonly Redis[];
    keys: number;
    settled?: () => Promise<void>;
  },
): Promise<number[]> {
  const { writer, engines, keys } = options;
  await options.settled?.();
  await sleep(SETTLE_MS);
  const before = await Promise.all(engines.map(dataBytes));
  const load = { endpoint: writer, workload: 'set', keyPrefix: 'memory:', keys } as const;
  const pace = { valueBytes: VALUE.length, rate: 0, seconds: 0, connections: 4 };
  await runLoad({ ...load, ...pace }, context.cleanup);
  await options.settled?.();
  await sleep(SETTLE_MS);
  const after = await Promise.all(engines.map(dataBytes));
  return after.map((bytes, i) => (bytes - (before[i] ?? Number.NaN)) / keys);
}

/** The engine's memory without what belongs to connections and replication streams. */
async function dataBytes(engine: Redis): Promise<number> {
  const info = await engine.info('memory');
  const buffers = ['mem_total_replication_buffers', 'mem_clients_normal', 'mem_clients_slaves'];
  return buffers.reduce(
    (sum, field) => sum - infoNumber(info, field),
    infoNumber(info, 'used_memory'),
  );
}
