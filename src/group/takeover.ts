// The standby of a member takes its engine's place when that has died: it becomes a primary, takes over the port, and
// lets the clients in. To the replicator this is an engine that went away for a moment: the stream goes on under
// another replication id, and what had been applied but had not reached the standby is applied again.
//
// No region may show what the standby lacks. While capture reads from the standby that cannot be; where capture had
// to read from the engine it is found out: by asking the replicator, or, when that does not run, by keeping the
// clients out until it goes on with the new engine's stream. If it cannot, the member is filled from another one.
//
// group.json says how far this has come, so that it goes on when whoever did it dies half-way.

import { setTimeout as delay } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import { connectEngine, infoField } from '../engine/client.ts';
import { setClientAccess } from '../engine/client-access.ts';
import type { StreamEnd } from '../engine/pulse.ts';
import type { ReplicatorStatus } from '../replicator/status.ts';
import { readStatusIfUp } from './admin.ts';
import {
  existingGroup,
  type GroupMember,
  type MemberStandby,
  updateMember,
  usersOf,
} from './group-file.ts';
import { endpointOf, runningOf } from './member-processes.ts';

const POLL_MS = 20;
/** What the engine had sent when it died is read within that. */
const DRAIN_MS_MAX = 1000;
/** The replicator notices within that that its engine is gone. */
const NOTICE_MS_MAX = 2000;
/** A standby that says nothing for so long takes nobody's place. */
const ANSWER_MS_MAX = 10_000;
/** While its engine still runs it is asked again and again, and must not take long. */
const STANDING_MS_MAX = 2000;

/** What a standby says of itself. */
interface Standing {
  readonly isReplica: boolean;
  readonly isFilling: boolean;
  readonly isLinked: boolean;
  readonly replicationId: string;
  readonly offset: number;
}

/**
 * Begins to put the standby in the place of the engine, which is dead. False: the standby cannot take it, or it lacks
 * what others have; nothing was changed. To be called with the lock of the processes, as the following.
 */
export async function beginTakeover(
  dir: string,
  member: GroupMember,
  log: Logger,
): Promise<boolean> {
  const { region, standby } = member;
  if (standby === null || !runningOf(dir, member).standby) return false;
  const standing = await drained(dir, member).catch(() => null);
  if (standing === null || !standing.isReplica || standing.isFilling) {
    log.error(
      { region },
      `the standby of ${region} is not filled: it cannot take the engine's place`,
    );
    return false;
  }
  const status = runningOf(dir, member).replicator ? await settledStatus(member) : null;
  const has = status === null ? undefined : hasAllCaptured(standing, status);
  if (has === false) {
    log.error({ region }, `the standby of ${region} lacks what was captured from the engine`);
    return false;
  }
  log.error({ region }, `the standby of ${region} takes the place of its engine`);
  const taken: MemberStandby = {
    ...standby,
    pid: 0,
    swapped: !standby.swapped,
    takeover: 'promoting',
  };
  await promote(
    dir,
    updateMember(dir, region, { enginePid: standby.pid, standby: taken }),
    has === true,
  );
  log.warn({ region }, `the former standby is the engine of ${region}`);
  return true;
}

/**
 * Why the standby should not take the place of an engine that is there but says nothing; null: it may, once that is
 * dead. An engine that died is judged later, and more kindly: there is nothing to be spoilt. `end`: how far its stream
 * had come, as far as that is known.
 */
export async function obstacleToTakeover(
  dir: string,
  member: GroupMember,
  end: StreamEnd | null,
): Promise<string | null> {
  if (member.standby === null) return 'it has no standby';
  if (!runningOf(dir, member).standby) return 'its standby does not run';
  const standing = await standingNow(dir, member).catch(() => null);
  if (standing === null) return 'its standby does not answer';
  return obstacleIn(standing, await statusSoon(member), end);
}

/** The same, from what the standby and the replicator say. */
export function obstacleIn(
  standing: Omit<Standing, 'isLinked'>,
  status: Pick<ReplicatorStatus, 'capture' | 'capturedOffset'> | null,
  end: StreamEnd | null,
): string | null {
  if (!standing.isReplica) return 'its standby follows nobody';
  if (standing.isFilling) return 'its standby is being filled';
  const has = status === null ? undefined : hasAllCaptured(standing, status);
  if (has === false) return 'its standby lacks what was captured from it';
  if (end === null) return has === true ? null : 'nobody knows how far its standby had come';
  const isInStep = standing.replicationId === end.replicationId && standing.offset >= end.offset;
  return isInStep ? null : 'its standby lacks writes that it had confirmed';
}

/** Goes on with what was begun, if it can go on. */
export async function goOnWithTakeover(dir: string, member: GroupMember): Promise<void> {
  if (member.standby?.takeover === 'promoting') await promote(dir, member, false);
  else if (member.standby?.takeover === 'admitting') await admit(dir, member);
}

/** Primary first, then clients, then the port: who connects there finds everything as it was. */
async function promote(dir: string, member: GroupMember, isSure: boolean): Promise<void> {
  const standby = member.standby as MemberStandby;
  const group = existingGroup(dir);
  const [client, port] = await connectTo(dir, member);
  try {
    await client.call('REPLICAOF', 'NO', 'ONE');
    if (isSure)
      await setClientAccess({ ...endpointOf(group, member), port }, usersOf(group, member), 'all');
    if (port !== member.enginePort) await client.config('SET', 'port', String(member.enginePort));
  } finally {
    client.disconnect();
  }
  const takeover = isSure ? 'none' : 'admitting';
  updateMember(dir, member.region, { standby: { ...standby, takeover } });
}

/** Lets the clients in if the replicator goes on with the stream of the new engine. */
async function admit(dir: string, member: GroupMember): Promise<void> {
  const standby = member.standby as MemberStandby;
  const group = existingGroup(dir);
  const status = await statusSoon(member);
  if (status?.engine.up !== true || status.capture?.source == null) return;
  const [client] = await connectTo(dir, member);
  const info = await client.info('replication').finally(() => client.disconnect());
  if (infoField(info, 'master_replid') !== status.capture.replicationId) return;
  await setClientAccess(endpointOf(group, member), usersOf(group, member), 'all');
  updateMember(dir, member.region, { standby: { ...standby, takeover: 'none' } });
}

/** The process that is written down as the engine, on its port or still on that of the standby. */
async function connectTo(dir: string, member: GroupMember): Promise<[Redis, number]> {
  const endpoint = endpointOf(existingGroup(dir), member);
  for (const port of [member.standby?.port ?? 0, member.enginePort]) {
    const client = await connectEngine({ ...endpoint, port }).catch(() => null);
    const info = await client?.info('server').catch(() => '');
    const isIt = infoField(info ?? '', 'process_id') === String(member.enginePid);
    if (client !== null && isIt) return [client, port];
    client?.disconnect();
  }
  throw new Error(`the process ${member.enginePid} does not answer on either of its ports`);
}

/** The standby, once it has carried out what its engine had sent before it died. */
async function drained(dir: string, member: GroupMember): Promise<Standing> {
  const endpoint = { ...endpointOf(existingGroup(dir), member), port: member.standby?.port ?? 0 };
  const client = await connectEngine(endpoint, AbortSignal.timeout(ANSWER_MS_MAX));
  try {
    const untilMs = performance.now() + DRAIN_MS_MAX;
    for (;;) {
      const standing = standingIn(await client.info('replication'));
      if (!standing.isLinked || performance.now() > untilMs) return standing;
      await delay(POLL_MS);
    }
  } finally {
    client.disconnect();
  }
}

async function standingNow(dir: string, member: GroupMember): Promise<Standing> {
  const endpoint = { ...endpointOf(existingGroup(dir), member), port: member.standby?.port ?? 0 };
  const client = await connectEngine(endpoint, AbortSignal.timeout(STANDING_MS_MAX));
  return await client
    .info('replication')
    .then(standingIn)
    .finally(() => client.disconnect());
}

function standingIn(info: string): Standing {
  return {
    isReplica: infoField(info, 'role') === 'slave',
    isFilling: infoField(info, 'master_sync_in_progress') === '1',
    isLinked: infoField(info, 'master_link_status') === 'up',
    replicationId: infoField(info, 'master_replid') ?? '',
    offset: Number(infoField(info, 'master_repl_offset') ?? -1),
  };
}

/** The replicator's status, once it has taken in all that the dead engine had sent it. */
async function settledStatus(member: GroupMember): Promise<ReplicatorStatus | null> {
  const untilMs = performance.now() + NOTICE_MS_MAX;
  for (;;) {
    const status = await statusSoon(member);
    if (status?.capture?.source !== 'engine') return status;
    if (performance.now() > untilMs) return null;
    await delay(POLL_MS);
  }
}

/** Whether the standby has all that was captured; undefined: that is not known. */
export function hasAllCaptured(
  standing: Pick<Standing, 'replicationId' | 'offset'>,
  { capture, capturedOffset }: Pick<ReplicatorStatus, 'capture' | 'capturedOffset'>,
): boolean | undefined {
  if (capture === undefined || capture.replicationId === null) return undefined;
  // Another standby than the one that was captured, and not filled yet.
  if (capture.replicationId !== standing.replicationId) return false;
  return capture.source === 'standby' || standing.offset >= capturedOffset;
}

/** null: it does not answer, or not soon. */
async function statusSoon(member: GroupMember): Promise<ReplicatorStatus | null> {
  const late = new AbortController();
  const patience = delay(NOTICE_MS_MAX, null, { signal: late.signal }).catch(() => null);
  const status = await Promise.race([readStatusIfUp(member), patience]);
  late.abort();
  return status;
}
