// Removes everything that a group holds at this moment. The keys are removed in one region, as a client would, and
// the removals replicate: what others write meanwhile, or while a link is cut, stays, as with any removal.

import { connectEngine, type EngineEndpoint } from '../engine/client.ts';

const KEYS_PER_STEP = 500;

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
