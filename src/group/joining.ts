// How members of a group on this machine are filled: new ones, those that were unlinked and are linked again, and
// those whose engines have lost their data. All of them become copies of another member, under a new replica
// id, while the others go on.

import { existsSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { OperatorError } from '../base/errors.ts';
import { MEMBERS_MAX } from '../replicator/config.ts';
import { heldSnapshotFile } from '../replicator/join/held-file.ts';
import { type JoinProgress, NOTHING_TAKEN_OVER } from '../replicator/join/progress.ts';
import type { ReplicatorStatus } from '../replicator/status.ts';
import { readJoin, readStatusIfUp } from './admin.ts';
import {
  existingGroup,
  type GroupFile,
  type GroupMember,
  hostsOf,
  memberDir,
  memberOf,
  newStandby,
  presentMembers,
  updateGroup,
  updateMember,
} from './group-file.ts';
import { withGroupLock } from './group-lock.ts';
import { keepHeldData, wipeMemberFiles } from './held-data.ts';
import {
  endpointOf,
  keepMember,
  setMemberAccess,
  startMemberEngine,
  startMemberReplicator,
  stopMemberEngine,
  stopMemberReplicator,
  waitForStatuses,
} from './member-processes.ts';
import { stateDir, writeSettingsOf } from './member-settings.ts';
import { dropMembers, reconfigure, removeMember } from './membership.ts';
import { freePorts } from './ports.ts';
import { regionNamed } from './regions.ts';
import { RemoteMember } from './remote-member.ts';

const POLL_MS = 100;
const LINKED_TIMEOUT_MS = 30_000;
const DRAIN_TIMEOUT_MS = 30_000;

export interface JoinSettings {
  /** Region of the member from which everything is taken over; default: the first that answers. */
  readonly donor?: string | undefined;
  /** Everything travels, also what the member still holds. */
  readonly full?: boolean | undefined;
  /** Where the new member runs; what is left out is chosen. */
  readonly place?: Partial<
    Pick<
      GroupMember,
      'host' | 'enginePort' | 'replicatorPort' | 'adminPort' | 'hosted' | 'elsewhere'
    >
  >;
  /** Told while it is being filled. */
  readonly onProgress?: (progress: JoinProgress) => void;
}

/** Adds a member in a region that has none yet. Throws OperatorError; then the group is as before. */
export async function joinGroup(
  dir: string,
  wanted: string,
  settings: JoinSettings = {},
): Promise<void> {
  const region = regionNamed(wanted);
  await withGroupLock(dir, 'membership', `${region} joins`, async () => {
    const group = existingGroup(dir);
    if (group.members.some((member) => member.region === region)) throw isThere(region);
    if (presentMembers(group).length >= MEMBERS_MAX) throw tooMany();
    const donor = await donorFor(group, region, settings.donor);
    const [enginePort = 0, replicatorPort = 0, adminPort = 0, port = 0] = await freePorts(4);
    const member: GroupMember = {
      id: group.nextId,
      region,
      ...hostsOf(group, region),
      enginePort,
      replicatorPort,
      adminPort,
      enginePid: 0,
      replicatorPid: 0,
      state: 'joining',
      stopped: false,
      standby: group.standbys ? newStandby(port) : null,
      ...settings.place,
    };
    updateGroup(dir, (file) => ({
      ...file,
      members: [...file.members, member],
      nextId: file.nextId + 1,
    }));
    try {
      await startMemberEngine(dir, existingGroup(dir), member);
      await fill(dir, region, donor, settings);
    } catch (error) {
      await removeMember(dir, region);
      await reconfigure(dir);
      throw error;
    }
  });
}

/**
 * Wipes a member and fills it again from another one: what it alone has is lost but for its quarantine file.
 * Returns what travelled, if that is known.
 */
export async function forceLink(
  dir: string,
  wanted: string,
  settings: JoinSettings = {},
): Promise<JoinProgress | null> {
  const region = regionNamed(wanted);
  return await withGroupLock(dir, 'membership', `force-linking ${region}`, async () => {
    const group = existingGroup(dir);
    const member = memberOf(group, region);
    await donorFor(group, region, settings.donor);
    if (member.state !== 'unlinked') await dropMembers(dir, group, [member]);
    return await refill(dir, region, settings);
  });
}

/**
 * A member's engine has lost its data: what its replicator has logged is handed over to the others, then the
 * member is filled again. To be called with the group's lock.
 */
export async function recoverMember(dir: string, region: string): Promise<JoinProgress | null> {
  const group = existingGroup(dir);
  const member = memberOf(group, region);
  await donorFor(group, region, undefined);
  const neverLinked = member.state === 'joining';
  if (member.state !== 'draining' && member.state !== 'unlinked') {
    updateMember(dir, region, { state: 'draining' });
  }
  if (member.state !== 'unlinked') {
    // Once it is no member for the others, they take nothing from it any more.
    const isDropped = group.gone.some(({ id }) => id === member.id);
    if (!neverLinked && !isDropped) await handOver(dir, region);
    await dropMembers(dir, existingGroup(dir), [memberOf(existingGroup(dir), region)]);
  }
  return await refill(dir, region, {});
}

/** Runs the replicator of a member once more, without an engine, until the others have what it has logged. */
async function handOver(dir: string, region: string): Promise<void> {
  const group = existingGroup(dir);
  const member = memberOf(group, region);
  if (!(await hasLog(dir, member))) return;
  await withGroupLock(dir, 'processes', `${region} hands over`, async () => {
    await stopMemberReplicator(dir, memberOf(existingGroup(dir), region));
    await writeSettingsOf(dir, group, member, { drains: true });
    void startMemberReplicator(dir, group, member);
  });
  const others = presentMembers(group).filter(({ state }) => state === 'linked');
  const id = String(member.id);
  const has = (status: ReplicatorStatus) => status.received[id] ?? 0;
  const isHandedOver = (statuses: readonly ReplicatorStatus[]): boolean => {
    const [own, ...rest] = statuses;
    if (own === undefined) return false;
    // What the others do not take goes to its quarantine.
    return own.unlinked !== null || rest.every((status) => has(status) >= has(own));
  };
  try {
    await waitForStatuses([member, ...others], isHandedOver, DRAIN_TIMEOUT_MS, () => {
      return new OperatorError(
        'MEMBER_NOT_DRAINED',
        `what ${region} had logged did not reach all others within ${DRAIN_TIMEOUT_MS / 1000} s`,
        'It is tried again. To give it up, use `atoll local force-link`.',
      );
    });
  } finally {
    await stopMemberReplicator(dir, memberOf(existingGroup(dir), region));
  }
}

/** Wipes one that is no member now, and makes it one again. */
async function refill(
  dir: string,
  region: string,
  settings: JoinSettings,
): Promise<JoinProgress | null> {
  const group = existingGroup(dir);
  const old = memberOf(group, region);
  const donor = await donorFor(group, region, settings.donor);
  await withGroupLock(dir, 'processes', `stopping ${region}`, async () => {
    // One who is joining is filled by the supervisor, should this be interrupted.
    updateMember(dir, region, { state: 'joining', stopped: false });
    await stopMemberReplicator(dir, memberOf(existingGroup(dir), region));
  });
  // This may take a while, in which the processes of the others are to be looked after.
  await keepHeld(dir, old, settings);
  await withGroupLock(dir, 'processes', `wiping ${region}`, async () => {
    await stopMemberEngine(dir, memberOf(existingGroup(dir), region));
    const { nextId } = existingGroup(dir);
    const remote = RemoteMember.of(old);
    if (remote !== null) await remote.wipe(old.id, nextId);
    else wipeMemberFiles(memberDir(dir, old), old.id, nextId);
    updateGroup(dir, (file) => ({
      ...file,
      nextId: nextId + 1,
      members: file.members.map((m) => (m.id === old.id ? { ...m, id: nextId } : m)),
    }));
    await startMemberEngine(dir, existingGroup(dir), memberOf(existingGroup(dir), region));
  });
  return await fill(dir, region, donor, settings);
}

/** Puts what the engine still holds, or held when this was begun before, into a file of the member's folder. */
async function keepHeld(dir: string, member: GroupMember, settings: JoinSettings): Promise<void> {
  const folder = memberDir(dir, member);
  const file = heldSnapshotFile(folder);
  const earlier = heldSnapshotFile(stateDir(folder, member));
  const remote = RemoteMember.of(member);
  if (remote !== null) return await remote.hold(member.id, settings.full === true);
  const engine = endpointOf(existingGroup(dir), member);
  if (settings.full === true) {
    rmSync(file, { force: true });
    rmSync(earlier, { force: true });
    return;
  }
  let toldMs = 0;
  const onShare = (share: number): void => {
    const nowMs = performance.now();
    if (nowMs - toldMs < POLL_MS) return;
    toldMs = nowMs;
    const percent = Math.min(99, Math.round(share * 100));
    settings.onProgress?.({ ...NOTHING_TAKEN_OVER, phase: 'saving', percent });
  };
  await keepHeldData({ engine, earlier, file, onShare });
}

/** Whether it has logged anything, as far as can be told: of a host that does not answer that is an error. */
async function hasLog(dir: string, member: GroupMember): Promise<boolean> {
  const remote = RemoteMember.of(member);
  if (remote !== null) return (await remote.state()).logs.includes(member.id);
  return existsSync(stateDir(memberDir(dir, member), member));
}

/** Configures everybody for a member that is joining, lets it join, and then its clients in. */
async function fill(
  dir: string,
  region: string,
  donor: GroupMember,
  settings: JoinSettings,
): Promise<JoinProgress | null> {
  await reconfigure(dir);
  const group = existingGroup(dir);
  const member = memberOf(group, region);
  await writeSettingsOf(dir, group, member, { join: { donor: donor.id } });
  let failure: OperatorError | undefined;
  void startMemberReplicator(dir, group, member).then((error) => {
    failure = error;
  });
  for (;;) {
    if (failure !== undefined) throw failure;
    const progress = await readJoin(member);
    if (progress !== null) settings.onProgress?.(progress);
    if ((await readStatusIfUp(member)) !== null) break;
    await delay(POLL_MS);
  }
  // Others have lost their engines, or were stopped: they come when they can.
  const missingIn = (status: ReplicatorStatus) => {
    const running = existingGroup(dir).members.filter((m) => m.state === 'linked' && !m.stopped);
    const ids = new Set(running.map(({ id }) => id));
    return status.peers.filter(({ id, connected }) => !connected && ids.has(id));
  };
  const isLinked = ([status]: readonly ReplicatorStatus[]): boolean =>
    status?.engine.up === true && missingIn(status).length === 0;
  await waitForStatuses([member], isLinked, LINKED_TIMEOUT_MS, ([status]) => {
    const missing = status == null ? [] : missingIn(status).map((peer) => peer.region);
    return new OperatorError(
      'MEMBER_NOT_LINKED',
      `${region} is filled but not connected with ${missing.join(', ') || 'anyone'}`,
      'Look at its replicator.log, mend the links, and try again.',
    );
  });
  await setMemberAccess(group, member, 'all');
  updateMember(dir, region, { state: 'linked' });
  await keepMember(member);
  return await readJoin(member);
}

/** The member to take everything over from. */
async function donorFor(
  group: GroupFile,
  region: string,
  wanted: string | undefined,
): Promise<GroupMember> {
  const name = wanted === undefined ? undefined : regionNamed(wanted);
  const candidates = group.members.filter(
    (member) =>
      member.state === 'linked' &&
      !member.stopped &&
      member.region !== region &&
      (name === undefined || member.region === name),
  );
  for (const member of candidates) {
    const status = await readStatusIfUp(member);
    if (status?.engine.up === true) return member;
  }
  throw new OperatorError(
    'NO_DONOR',
    name === undefined
      ? `there is no other member from which ${region} could take the data over`
      : `${name} cannot be the donor: it is no linked member that runs`,
    'See `atoll local status`; a donor must be linked and run.',
  );
}

function isThere(region: string): OperatorError {
  return new OperatorError(
    'MEMBER_EXISTS',
    `the group has a member in ${region} already`,
    'One that was unlinked is linked again with `atoll local force-link`.',
  );
}

function tooMany(): OperatorError {
  return new OperatorError(
    'MEMBERS_TOO_MANY',
    `a group has at most ${MEMBERS_MAX} members`,
    'Let one leave first.',
  );
}
