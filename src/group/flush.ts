// Removes everything that a group holds at this moment. The keys are removed in one region, as a client would, and
// the removals replicate: what others write meanwhile, or while a link is cut, stays, as with any removal.

import { OperatorError } from '../base/errors.ts';
import { existingGroup } from './group-file.ts';
import { withGroupLock } from './group-lock.ts';
import { flushMember } from './member-processes.ts';

/** Removes all keys that a linked member holds, everywhere. Returns how many there were. */
export async function flushGroup(dir: string): Promise<number> {
  return await withGroupLock(dir, 'membership', 'flushing', async () => {
    const group = existingGroup(dir);
    const member = group.members.find(({ state, stopped }) => state === 'linked' && !stopped);
    if (member !== undefined) return await flushMember(group, member);
    throw new OperatorError('NO_MEMBER', 'no member is linked', 'See `atoll local status`.');
  });
}
