// The processes of one member of a group on this machine: starting and stopping them, with their pids written
// down in group.json.

import { setTimeout as delay } from 'node:timers/promises';
import type { OperatorError } from '../base/errors.ts';
import { type ClientAccess, REPLICATOR_USER } from '../engine/acl.ts';
import type { EngineEndpoint } from '../engine/client.ts';
import { setClientAccess } from '../engine/client-access.ts';
import { isRunning, stopProcess } from '../engine/pid.ts';
import { startEngine, stopEngine } from '../engine/process.ts';
import type { ReplicatorStatus } from '../replicator/status.ts';
import { readStatusIfUp } from './admin.ts';
import { engineInfo, flushEngine, limitEngine, streamEnd } from './engine-work.ts';
import {
  engineDir,
  engineOf,
  engineSettings,
  type GroupFile,
  type GroupMember,
  memberDir,
  replicatorOf,
  standbyDir,
  standbyOf,
  updateMember,
  usersOf,
} from './group-file.ts';
import { checkIsHere, RemoteMember } from './remote-member.ts';
import { type ReplicatorEnded, startReplicator } from './replicator-process.ts';

const STOP_GRACE_MS = 5_000;
const POLL_MS = 30;

/** With the replicator's user. Throws OperatorError for a member elsewhere: its password does not cross the network. */
export function endpointOf(group: GroupFile, member: GroupMember): EngineEndpoint {
  checkIsHere(member);
  return {
    host: member.host,
    port: member.enginePort,
    username: REPLICATOR_USER,
    password: group.replicatorPassword,
  };
}

/** Starts the member's engine, empty. Members that do not take part yet refuse their clients. */
export async function startMemberEngine(
  dir: string,
  group: GroupFile,
  member: GroupMember,
): Promise<void> {
  const remote = RemoteMember.of(member);
  if (remote !== null) {
    const { maxmemoryBytes, maxmemoryPolicy } = engineSettings(group, member);
    const refusesClients = member.state !== 'linked';
    const users = usersOf(group, member);
    const { enginePort: port } = member;
    const limits = { maxmemoryBytes, maxmemoryPolicy };
    return await remote.startEngine({ port, users, refusesClients, ...limits });
  }
  const engine = await startEngine({
    binary: group.engine,
    dir: engineDir(dir, member),
    port: member.enginePort,
    users: usersOf(group, member),
    refusesClients: member.state !== 'linked',
    settings: engineSettings(group, member),
  });
  updateMember(dir, member.region, { enginePid: engine.process.pid });
}

/** Starts the member's replicator with the settings that are written. Resolves at once; it ends with an error. */
export function startMemberReplicator(
  dir: string,
  group: GroupFile,
  member: GroupMember,
): Promise<ReplicatorEnded> {
  const remote = RemoteMember.of(member);
  if (remote !== null) return remote.startReplicator();
  const started = startReplicator(group.replicatorScript, memberDir(dir, member));
  updateMember(dir, member.region, { replicatorPid: started.process.pid });
  return started.ended;
}

export async function stopMemberReplicator(dir: string, member: GroupMember): Promise<void> {
  const remote = RemoteMember.of(member);
  if (remote !== null) await remote.stopReplicator();
  else await stopProcess(replicatorOf(dir, member), STOP_GRACE_MS);
}

/** Stops the member's engine, and its standby before that could take its place. */
export async function stopMemberEngine(dir: string, member: GroupMember): Promise<void> {
  const remote = RemoteMember.of(member);
  if (remote !== null) return await remote.stopEngine();
  await stopMemberStandby(dir, member);
  await stopEngine(member.enginePid, engineDir(dir, member));
}

export async function stopMemberStandby(dir: string, member: GroupMember): Promise<void> {
  await stopEngine(member.standby?.pid ?? 0, standbyDir(dir, member));
}

/** Starts a standby of the member's engine, which fills it. It refuses clients. Returns its process id. */
export async function startStandby(
  dir: string,
  group: GroupFile,
  member: GroupMember,
  port: number,
): Promise<number> {
  const { host, port: enginePort } = endpointOf(group, member);
  const standby = await startEngine({
    binary: group.engine,
    dir: standbyDir(dir, member),
    port,
    users: usersOf(group, member),
    refusesClients: true,
    settings: {
      ...engineSettings(group, member),
      tls: null,
      standbyOf: {
        host,
        port: enginePort,
        username: REPLICATOR_USER,
        password: group.replicatorPassword,
      },
    },
  });
  return standby.process.pid;
}

/** What its clients may do from now on. `isAnew`: its engine is empty because nobody has any data. */
export async function setMemberAccess(
  group: GroupFile,
  member: GroupMember,
  access: ClientAccess,
  { isAnew = false }: { readonly isAnew?: boolean } = {},
): Promise<void> {
  const users = usersOf(group, member);
  const remote = RemoteMember.of(member);
  if (remote !== null) await remote.setAccess(users, access, isAnew);
  else await setClientAccess(endpointOf(group, member), users, access);
}

/** From now on what dies of it is started again; here the supervisor sees to it. */
export async function keepMember(member: GroupMember): Promise<void> {
  await RemoteMember.of(member)?.keep();
}

/** Removes all keys that its engine holds. Returns how many there were. */
export async function flushMember(group: GroupFile, member: GroupMember): Promise<number> {
  const remote = RemoteMember.of(member);
  return remote === null ? await flushEngine(endpointOf(group, member)) : await remote.flush();
}

/** Where the stream of its engine ends. */
export async function streamPosition(group: GroupFile, member: GroupMember): Promise<number> {
  const remote = RemoteMember.of(member);
  return remote === null ? await streamEnd(endpointOf(group, member)) : await remote.position();
}

/** What its engine says of itself (INFO); null: it does not answer in time. */
export async function memberInfo(group: GroupFile, member: GroupMember): Promise<string | null> {
  const remote = RemoteMember.of(member);
  return remote === null ? await engineInfo(endpointOf(group, member)) : await remote.info();
}

/** Changes how much its engine may hold, and what it does when that is full. */
export async function limitMember(
  group: GroupFile,
  member: GroupMember,
  { memoryBytes, maxmemoryPolicy }: { memoryBytes: number; maxmemoryPolicy: string },
): Promise<void> {
  const remote = RemoteMember.of(member);
  if (remote !== null) await remote.reconfigure(memoryBytes, maxmemoryPolicy);
  else await limitEngine(endpointOf(group, member), memoryBytes, maxmemoryPolicy);
}

/** What runs of a member, wherever that is. Nothing, of one whose host does not answer. */
export async function runningNow(dir: string, member: GroupMember) {
  const remote = RemoteMember.of(member);
  if (remote === null) return runningOf(dir, member);
  const state = await remote.state().catch(() => null);
  return {
    engine: state?.engine ?? false,
    standby: false,
    replicator: state?.replicator ?? false,
  };
}

/** What runs of a member on this machine. */
export function runningOf(dir: string, member: GroupMember) {
  return {
    engine: isRunning(engineOf(dir, member)),
    standby: isRunning(standbyOf(dir, member)),
    replicator: isRunning(replicatorOf(dir, member)),
  };
}

/**
 * Asks the members for their status until all are as wanted. Throws OperatorError after `timeoutMs`, with what
 * `describe` says of the last answers.
 */
export async function waitForStatuses(
  members: readonly GroupMember[],
  isWanted: (statuses: readonly ReplicatorStatus[]) => boolean,
  timeoutMs: number,
  describe: (statuses: readonly (ReplicatorStatus | null)[]) => OperatorError,
): Promise<ReplicatorStatus[]> {
  const deadlineMs = performance.now() + timeoutMs;
  for (;;) {
    const statuses = await Promise.all(members.map(readStatusIfUp));
    const known = statuses.filter((status) => status !== null);
    if (known.length === members.length && isWanted(known)) return known;
    if (performance.now() > deadlineMs) throw describe(statuses);
    await delay(POLL_MS);
  }
}
