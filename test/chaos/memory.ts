// What the processes of a group hold in memory, without what is garbage.

import { setTimeout as delay } from 'node:timers/promises';
import { connectEngine, infoField } from '../../src/engine/client.ts';
import { isRunning } from '../../src/engine/pid.ts';
import { readStatusIfUp } from '../../src/group/admin.ts';
import { type GroupMember, replicatorOf } from '../../src/group/group-file.ts';
import type { LocalGroup } from '../../src/group/local-group.ts';
import { CLIENT_PASSWORD } from './watch.ts';

export interface MemberMemory {
  readonly region: string;
  readonly replicatorBytes: number | null;
  /** What the replicator's program holds, after garbage was collected. */
  readonly heldBytes: number | null;
  readonly engineBytes: number | null;
}

const COLLECTED_MS = 500;
const LOOKS = 5;
/** A replicator that has seen much has more code compiled, and records of conflicts. */
const ALLOWED_BYTES = 8_000_000;
const ALLOWED_SHARE = 1.1;

export async function memoryOf(group: LocalGroup): Promise<MemberMemory[]> {
  return await Promise.all(group.members.map((member) => memberMemory(group, member)));
}

async function memberMemory(group: LocalGroup, member: GroupMember): Promise<MemberMemory> {
  const { region, host, enginePort: port } = member;
  let replicatorBytes: number | null = null;
  let heldBytes: number | null = null;
  for (let i = 0; i < LOOKS; i++) {
    const replicator = replicatorOf(group.dir, member);
    if (isRunning(replicator)) process.kill(replicator.pid, 'SIGUSR2');
    await delay(COLLECTED_MS);
    const memory = (await readStatusIfUp(member))?.memory;
    if (memory === undefined) continue;
    replicatorBytes = memory.rssBytes;
    heldBytes = Math.min(heldBytes ?? Number.POSITIVE_INFINITY, memory.heapBytes);
  }
  const engine = await connectEngine({ host, port, password: CLIENT_PASSWORD });
  const rss = infoField(await engine.info('memory'), 'used_memory_rss');
  engine.disconnect();
  return { region, replicatorBytes, heldBytes, engineBytes: rss === null ? null : Number(rss) };
}

/** Who holds more than before, in words. */
export function grown(before: readonly MemberMemory[], after: readonly MemberMemory[]): string[] {
  const most = Math.max(...before.map(({ heldBytes }) => heldBytes ?? 0));
  const limit = Math.max(most * ALLOWED_SHARE, most + ALLOWED_BYTES);
  return after
    .filter(({ heldBytes }) => (heldBytes ?? 0) > limit)
    .map(
      ({ region, heldBytes }) =>
        `the replicator of ${region} holds ${heldBytes} bytes; before it was ${most} at most`,
    );
}
