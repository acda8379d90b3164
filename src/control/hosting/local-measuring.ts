// What engines and replicators of groups say of themselves.

import { readStatusIfUp } from '../../group/admin.ts';
import { type GroupFile, type GroupMember, readGroupFile } from '../../group/group-file.ts';
import { memberInfo } from '../../group/member-processes.ts';
import type { Measured } from './hosting.ts';

export async function measureMember(dir: string, region: string): Promise<Measured> {
  const group = readGroupFile(dir);
  const member = group?.members.find((one) => one.region === region);
  if (group === null || member === undefined) return { info: null, isGeoHealthy: false };
  const [info, isGeoHealthy] = await Promise.all([
    memberInfo(group, member),
    isHealthy(group, member),
  ]);
  return { info, isGeoHealthy };
}

/** Members that are stopped, unlinked or still being filled are none that it would have to reach. */
async function isHealthy(group: GroupFile, member: GroupMember): Promise<boolean> {
  const takesPart = ({ state, stopped }: GroupMember): boolean => state === 'linked' && !stopped;
  if (!takesPart(member)) return false;
  const status = await readStatusIfUp(member);
  if (status === null || !status.engine.up || status.unlinked !== null) return false;
  const others = group.members.filter((one) => one.id !== member.id && takesPart(one));
  return others.every(({ id }) => status.peers.find((peer) => peer.id === id)?.connected === true);
}
