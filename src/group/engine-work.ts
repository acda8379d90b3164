// What is done to the engine of a member, on the machine that it runs on.

import { connectEngine, type EngineEndpoint, infoField } from '../engine/client.ts';

const KEYS_PER_STEP = 500;
const INFO_MS_MAX = 5_000;

/** Removes all keys that this engine holds. Returns how many there were. */
export async function flushEngine(
  endpoint: EngineEndpoint,
  onProgress: (removed: number) => void = () => {},
): Promise<number> {
  const client = await connectEngine(endpoint);
  let removed = 0;
  try {
    let cursor = '0';
    do {
      const [next, keys] = await client.scanBuffer(cursor, 'COUNT', KEYS_PER_STEP);
      if (keys.length > 0) removed += await client.del(...keys);
      onProgress(removed);
      cursor = next.toString();
    } while (cursor !== '0');
  } finally {
    client.disconnect();
  }
  return removed;
}

/** Where its replication stream ends. */
export async function streamEnd(endpoint: EngineEndpoint): Promise<number> {
  const client = await connectEngine(endpoint);
  try {
    return Number(infoField(await client.info('replication'), 'master_repl_offset') ?? 0);
  } finally {
    client.disconnect();
  }
}

/** Changes how much it may hold, and what it does when that is full. */
export async function limitEngine(
  endpoint: EngineEndpoint,
  memoryBytes: number,
  maxmemoryPolicy: string,
): Promise<void> {
  const client = await connectEngine(endpoint);
  try {
    await client.config('SET', 'maxmemory', String(memoryBytes));
    await client.config('SET', 'maxmemory-policy', maxmemoryPolicy);
  } finally {
    client.disconnect();
  }
}

/** INFO with all sections; null: it does not answer in time. */
export async function engineInfo(endpoint: EngineEndpoint): Promise<string | null> {
  try {
    const client = await connectEngine(endpoint, AbortSignal.timeout(INFO_MS_MAX));
    try {
      return await client.info('all');
    } finally {
      client.disconnect();
    }
  } catch {
    return null;
  }
}
