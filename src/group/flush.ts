// Removes everything that a group holds at this moment. The keys are removed in one region, as a client would, and
// the removals replicate: what others write meanwhile, or while a link is cut, stays, as with any removal.

import { OperatorError } from '../base/errors.ts';
import { connectEngine, type EngineEndpoint } from '../engine/client.ts';
import { existingGroup } from './group-file.ts';
import { withGroupLock } from './group-lock.ts';
import { endpointOf } from './member-processes.ts';

const KEYS_PER_STEP = 500;

/** Removes all keys that a linked member holds, everywhere. Returns how many there were. */
export async function flushGroup(dir: string): Promise<number> {
  return await withGroupLock(dir, 'membership', 'flushing', async () => {
    const group = existingGroup(dir);
    const member = group.members.find(({ state, stopped }) => state === 'linked' && !stopped);
    if (member !== undefined) return await flushEngine(endpointOf(group, member));
    throw new OperatorError('NO_MEMBER', 'no member is linked', 'See `atoll local status`.');
  });
}

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
