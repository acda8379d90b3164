// Outages of a group on this machine: members that are stopped on purpose and started again, and what becomes of the
// group when no engine has any data left.

import { OperatorError } from '../base/errors.ts';
import { signalProcess } from '../engine/pid.ts';
import type { ReplicatorStatus } from '../replicator/status.ts';
import {
  engineOf,
  existingGroup,
  type GroupFile,
  type GroupMember,
  memberOf,
  replicatorOf,
  standbyOf,
  updateGroup,
  updateMember,
} from './group-file.ts';
import { withGroupLock } from './group-lock.ts';
import {
  flushMember,
  runningNow,
  setMemberAccess,
  startMemberReplicator,
  stopMemberReplicator,
  waitForStatuses,
} from './member-processes.ts';
import { writeMemberSettings } from './member-settings.ts';

const BEGUN_TIMEOUT_MS = 60_000;

/** Ends the processes of a member as an outage would, without a word to the others. */
export async function stopMember(dir: string, region: string): Promise<void> {
  memberOf(existingGroup(dir), region);
  await withGroupLock(dir, 'processes', `stopping ${region}`, async () => {
    const member = updateMember(dir, region, { stopped: true });
    signalProcess(replicatorOf(dir, member), 'SIGKILL');
    signalProcess(standbyOf(dir, member), 'SIGKILL');
    signalProcess(engineOf(dir, member), 'SIGKILL');
  });
}

/** Lets the processes of a stopped member run again: the supervisor starts them. */
export async function startMember(dir: string, region: string): Promise<void> {
  updateMember(dir, region, { stopped: false });
}

/** Whether nobody who runs and takes part has any data. */
export function isDataLost({ members }: Pick<GroupFile, 'members'>): boolean {
  const running = members.filter(takesPart);
  return running.length > 0 && running.every(({ state }) => state !== 'linked');
}

/**
 * Nobody has any data: those whose engines run go on, empty, as they would have begun, and fill the others. To be
 * called with the lock of the membership. One that is stopped is unlinked: what it had was of another beginning.
 */
export async function beginAnew(dir: string): Promise<void> {
  const group = await withGroupLock(dir, 'processes', 'beginning anew', async () => {
    const { members } = existingGroup(dir);
    const running = new Map<string, boolean>();
    for (const one of members) running.set(one.region, (await runningNow(dir, one)).engine);
    const stateOf = (member: GroupMember): GroupMember['state'] => {
      if (!takesPart(member)) return 'unlinked';
      // Its engine follows that of a donor.
      if (member.state === 'joining') return 'draining';
      return running.get(member.region) === true ? 'linked' : 'draining';
    };
    await Promise.all(members.map((member) => stopMemberReplicator(dir, member)));
    // Between the start of the engine and the end of the replicator this may have applied what others had sent.
    for (const one of members) {
      if (stateOf(one) === 'linked') await flushMember(existingGroup(dir), one);
    }
    const begun = updateGroup(dir, (file) => ({
      ...file,
      epoch: file.epoch + 1,
      gone: [],
      nextId: file.nextId + file.members.length,
      members: file.members.map((member, index) => ({
        ...member,
        id: file.nextId + index,
        state: stateOf(member),
      })),
    }));
    await writeMemberSettings(dir, begun);
    for (const member of linkedOf(begun)) void startMemberReplicator(dir, begun, member);
    return begun;
  });
  const linked = linkedOf(group);
  const isUp = (statuses: readonly ReplicatorStatus[]): boolean =>
    statuses.every(({ engine }) => engine.up);
  // A replicator begins only with an empty engine: clients come after it.
  await waitForStatuses(linked, isUp, BEGUN_TIMEOUT_MS, () => {
    return new OperatorError(
      'GROUP_NOT_READY',
      `not all replicators run ${BEGUN_TIMEOUT_MS / 1000} s after the group began anew`,
      'Look at replicator.log of the members; an engine that restarts has its clients let in when it is filled.',
    );
  });
  for (const member of linked) {
    await setMemberAccess(group, member, 'all', { isAnew: true });
  }
}

function linkedOf({ members }: GroupFile): GroupMember[] {
  return members.filter(({ state }) => state === 'linked');
}

function takesPart({ state, stopped }: GroupMember): boolean {
  return state !== 'unlinked' && !stopped;
}
