// Changes of who takes part in a group on this machine. Each is a new configuration with a higher epoch: it is
// written for every member that stays, whose replicators then start anew, while all engines go on
// serving. What was begun and not finished is finished by the next change, as group.json says all.

import { rmSync } from 'node:fs';
import { OperatorError } from '../base/errors.ts';
import type { ReplicatorStatus } from '../replicator/status.ts';
import { cutLinks, readStatusIfUp } from './admin.ts';
import {
  existingGroup,
  type GroupFile,
  type GroupMember,
  memberDir,
  memberOf,
  presentMembers,
  updateGroup,
  updateMember,
} from './group-file.ts';
import { withGroupLock } from './group-lock.ts';
import {
  setMemberAccess,
  startMemberReplicator,
  stopMemberEngine,
  stopMemberReplicator,
  stopMemberStandby,
  waitForStatuses,
} from './member-processes.ts';
import { writeMemberSettings } from './member-settings.ts';
import { RemoteMember } from './remote-member.ts';

const READY_TIMEOUT_MS = 30_000;
const EVEN_TIMEOUT_MS = 60_000;
const DRAIN_TIMEOUT_MS = 60_000;

/**
 * Does without the members of these regions: the others even out what they have of their writes, keep nothing for them
 * any more, and refuse them when they come back. What none of the others has is lost to them. Members that are lost at
 * once are unlinked at once, as every member that stays must take part.
 */
export async function unlinkMembers(dir: string, regions: readonly string[]): Promise<void> {
  await withGroupLock(dir, 'membership', `force-unlinking ${regions.join(', ')}`, async () => {
    const group = existingGroup(dir);
    const lost = regions.map((region) => memberOf(group, region));
    const unlinked = lost.find(({ state }) => state === 'unlinked');
    if (unlinked !== undefined) {
      throw new OperatorError(
        'MEMBER_UNLINKED',
        `${unlinked.region} is unlinked already`,
        `Let it come back with \`atoll local force-link ${unlinked.region}\`.`,
      );
    }
    await dropMembers(dir, group, lost);
    for (const region of regions) updateMember(dir, region, { state: 'unlinked' });
  });
}

/** Lets a member go: what it has written reaches all others first. Its processes end, its data is gone. */
export async function leaveGroup(dir: string, region: string): Promise<void> {
  await withGroupLock(dir, 'membership', `${region} leaves`, async () => {
    const group = existingGroup(dir);
    const leaving = memberOf(group, region);
    if (leaving.state === 'linked') {
      await giveUpStandby(dir, region);
      await setMemberAccess(group, leaving, 'none');
      await drain(group, leaving);
      await dropMembers(dir, group, [leaving]);
    }
    await removeMember(dir, region);
  });
}

/** Its clients are going to be refused, and a standby that took over would let them in. */
async function giveUpStandby(dir: string, region: string): Promise<void> {
  await withGroupLock(dir, 'processes', `stopping the standby of ${region}`, async () => {
    const member = memberOf(existingGroup(dir), region);
    await stopMemberStandby(dir, member);
    // The engine stays where it is until it has handed over what it has.
    const wasStandby = member.standby?.swapped ?? member.wasStandby;
    updateMember(dir, region, { standby: null, wasStandby });
  });
}

/** Stops everything of the member in a region and forgets it. */
export async function removeMember(dir: string, region: string): Promise<void> {
  await withGroupLock(dir, 'processes', `removing ${region}`, async () => {
    const member = updateMember(dir, region, { stopped: true });
    await endMember(dir, member);
    updateGroup(dir, (file) => ({
      ...file,
      members: file.members.filter((one) => one.region !== region),
    }));
  });
}

/** Stops what runs of it and removes its files. */
export async function endMember(dir: string, member: GroupMember): Promise<void> {
  const remote = RemoteMember.of(member);
  if (remote !== null) return await remote.remove();
  await stopMemberReplicator(dir, member);
  await stopMemberEngine(dir, member);
  rmSync(memberDir(dir, member), { recursive: true, force: true });
}

/**
 * Takes some out of the membership: stops what still comes from them, finds how much of their writes the others have,
 * and configures these anew without them. Returns when all have the same of it.
 */
export async function dropMembers(
  dir: string,
  group: GroupFile,
  lost: readonly GroupMember[],
): Promise<void> {
  const isLost = (id: number): boolean => lost.some((member) => member.id === id);
  const survivors = presentMembers(group).filter(({ id }) => !isLost(id));
  if (survivors.length === 0) throw lastOne(lost.map(({ region }) => region));
  await cutOff(survivors, isLost);
  const statuses = await answering(survivors);
  const lasts = (id: number) =>
    Math.max(...statuses.map(({ received }) => received[String(id)] ?? 0));
  const others = stillNeeded(group, statuses).filter(({ id }) => !isLost(id));
  const gone = [...others, ...lost].map(({ id, region }) => ({
    id,
    region,
    // With these the last that had some writes of those who went before may be gone.
    last: lasts(id),
  }));
  const without = (member: GroupMember): GroupMember =>
    isLost(member.id) && member.state !== 'draining' ? { ...member, state: 'unlinked' } : member;
  updateGroup(dir, (file) => ({ ...file, gone, members: file.members.map(without) }));
  await reconfigure(dir);
  await evenOut(survivors, gone);
}

/** Stops what comes from the lost. One of whose joining nobody was told yet is nobody's peer. */
async function cutOff(
  survivors: readonly GroupMember[],
  isLost: (id: number) => boolean,
): Promise<void> {
  const statuses = await answering(survivors);
  await Promise.all(
    survivors.map(async (member, i) => {
      const peers = (statuses[i]?.peers ?? []).map(({ id }) => id).filter(isLost);
      if (peers.length > 0) await cutLinks(member, peers);
    }),
  );
}

/**
 * Former members whose writes are not everywhere yet, or stand in a log: a replay that left them out would bring back
 * what they have removed, and count lists wrongly.
 */
export function stillNeeded(
  { gone }: Pick<GroupFile, 'gone'>,
  statuses: readonly Pick<ReplicatorStatus, 'frontier' | 'logOrigins'>[],
): GroupFile['gone'] {
  return gone.filter(({ id, last }) =>
    statuses.some(
      ({ frontier, logOrigins }) =>
        (frontier[String(id)] ?? 0) < last || logOrigins?.includes(id) !== false,
    ),
  );
}

/** Writes the present configuration, with a new epoch, and starts the replicators of those who have one anew. */
export async function reconfigure(dir: string): Promise<void> {
  // A host that does not answer would be left with another configuration than the others.
  for (const member of presentMembers(existingGroup(dir))) await RemoteMember.of(member)?.state();
  const group = updateGroup(dir, (file) => ({ ...file, epoch: file.epoch + 1 }));
  await writeMemberSettings(dir, group);
  await withGroupLock(dir, 'processes', 'starting replicators anew', async () => {
    const running = existingGroup(dir).members.filter((m) => m.state === 'linked' && !m.stopped);
    await Promise.all(running.map((member) => stopMemberReplicator(dir, member)));
    for (const member of running) void startMemberReplicator(dir, group, member);
  });
  await waitUntilLinked(dir);
}

/** Waits until all members that take part and run are connected with each other. */
export async function waitUntilLinked(dir: string): Promise<void> {
  const members = existingGroup(dir).members.filter((m) => m.state === 'linked' && !m.stopped);
  const ids = new Set(members.map(({ id }) => id));
  const isLinked = ({ engine, peers }: ReplicatorStatus): boolean =>
    engine.up && peers.every((peer) => peer.connected || peer.cut || !ids.has(peer.id));
  await waitForStatuses(
    members,
    (all) => all.every(isLinked),
    READY_TIMEOUT_MS,
    (statuses) => {
      const silent = members.filter((_, i) => statuses[i] == null).map(({ region }) => region);
      const why = silent.length > 0 ? `no answer from ${silent.join(', ')}` : 'links are missing';
      return new OperatorError(
        'GROUP_NOT_READY',
        `the members are not connected ${READY_TIMEOUT_MS / 1000} s after the change: ${why}`,
        'The change stands. Look at replicator.log of the members, and at `atoll local status`.',
      );
    },
  );
}

/** What was written here must be visible everywhere. */
async function drain(group: GroupFile, leaving: GroupMember): Promise<void> {
  const members = presentMembers(group);
  const id = String(leaving.id);
  const isDrained = (statuses: readonly ReplicatorStatus[]): boolean => {
    const own = statuses.find((status) => status.id === leaving.id);
    const last = own?.versionVector[id] ?? Number.POSITIVE_INFINITY;
    return own?.idle === true && statuses.every((one) => (one.versionVector[id] ?? 0) >= last);
  };
  await waitForStatuses(members, isDrained, DRAIN_TIMEOUT_MS, () => {
    return new OperatorError(
      'MEMBER_NOT_DRAINED',
      `what was written in ${leaving.region} is not everywhere after ${DRAIN_TIMEOUT_MS / 1000} s`,
      `Its clients are refused by now. Mend the links and try again, or give up what the others lack with \`atoll local unlink ${leaving.region}\`.`,
    );
  });
}

/** All have the same of those who are gone. */
async function evenOut(members: readonly GroupMember[], gone: GroupFile['gone']): Promise<void> {
  const isEven = (statuses: readonly ReplicatorStatus[]): boolean =>
    gone.every(({ id, last }) => {
      const seen = statuses.map(({ versionVector }) => versionVector[String(id)] ?? 0);
      const received = statuses.map((status) => status.received[String(id)] ?? 0);
      // What nobody can apply is dropped everywhere.
      const isSettled = statuses.every(({ waiting }) => waiting === 0);
      return received.every((r) => r >= last) && (seen.every((s) => s >= last) || isSettled);
    });
  await waitForStatuses(members, isEven, EVEN_TIMEOUT_MS, () => {
    return new OperatorError(
      'GROUP_NOT_EVEN',
      `the members do not have the same writes of ${gone.map(({ region }) => region).join(', ')} after ${EVEN_TIMEOUT_MS / 1000} s`,
      'They go on by themselves as soon as their links stand: look at `atoll local status`.',
    );
  });
}

/** The status of all. Throws OperatorError when one does not answer. */
async function answering(members: readonly GroupMember[]): Promise<ReplicatorStatus[]> {
  const statuses = await Promise.all(members.map(readStatusIfUp));
  const silent = members.filter((_, i) => statuses[i] === null).map(({ region }) => region);
  if (silent.length === 0) return statuses.filter((status) => status !== null);
  throw new OperatorError(
    'MEMBERS_SILENT',
    `the replicator of ${silent.join(' and of ')} does not answer`,
    'Every member that stays must take part in the change. Unlink first the one that is lost for longer, or wait until it answers.',
  );
}

function lastOne(regions: readonly string[]): OperatorError {
  return new OperatorError(
    'LAST_MEMBER',
    `nobody is left without ${regions.join(' and ')}`,
    'Stop the group with `atoll local down` instead.',
  );
}
