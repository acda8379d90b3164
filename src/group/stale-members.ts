// Members of a group on this machine that were away for so long that the others keep nothing for them any more, and
// are back: they have to be filled anew.

import { readStatusIfUp } from './admin.ts';
import type { GroupFile } from './group-file.ts';

/** The region of one that is back; undefined: there is none. */
export async function staleRegionOf(group: GroupFile): Promise<string | undefined> {
  const running = group.members.filter((m) => m.state === 'linked' && !m.stopped);
  const statuses = await Promise.all(running.map(readStatusIfUp));
  const at = statuses.findIndex((status) => status?.unlinked?.isStale === true);
  return running[at]?.region;
}
