// The processes of one member of a group on this machine: starting and stopping them, with their pids written
// down in group.json.

import { setTimeout as delay } from 'node:timers/promises';
import type { OperatorError } from '../base/errors.ts';
import { REPLICATOR_USER } from '../engine/acl.ts';
import type { EngineEndpoint } from '../engine/client.ts';
import { isRunning, stopProcess } from '../engine/pid.ts';
import { startEngine, stopEngine } from '../engine/process.ts';
import type { ReplicatorStatus } from '../replicator/status.ts';
import { readStatusIfUp } from './admin.ts';
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
import { type ReplicatorEnded, startReplicator } from './replicator-process.ts';

const STOP_GRACE_MS = 5_000;
const POLL_MS = 30;

/** With the replicator's user. */
export function endpointOf(group: GroupFile, member: GroupMember): EngineEndpoint {
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
  const started = startReplicator(group.replicatorScript, memberDir(dir, member));
  updateMember(dir, member.region, { replicatorPid: started.process.pid });
  return started.ended;
}

export async function stopMemberReplicator(dir: string, member: GroupMember): Promise<void> {
  await stopProcess(replicatorOf(dir, member), STOP_GRACE_MS);
}

/** Stops the member's engine, and its standby before that could take its place. */
export async function stopMemberEngine(dir: string, member: GroupMember): Promise<void> {
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

/** What runs of a member. */
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
