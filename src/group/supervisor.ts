// Keeps the processes of a group on this machine running: one small detached process per group.
//
// It starts nothing at first: engines and replicators are there when it comes, and stay when it goes,
// so that a fault here interrupts no data path. It looks at each process a few times a second,
// restarts those that have gone, slower each time that does not help, and records the new pid.
// One process per group, and not per member, is enough: it idles, and it has no state to lose.
//
// A group may belong to a process (that of a demonstration): when that is gone, the group goes too.
//
// Engines in a group keep nothing on disk, so one that is restarted is empty: its clients are refused until it has
// been filled again from another member. A member that somebody began to fill and left half-way is filled here too.

import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { isRunning } from '../engine/pid.ts';
import { Backoff } from './backoff.ts';
import {
  existingGroup,
  type GroupFile,
  type GroupMember,
  memberOf,
  readGroupFile,
  updateGroup,
  updateMember,
} from './group-file.ts';
import { ifUnlocked } from './group-lock.ts';
import { HungEngines } from './hung-engines.ts';
import { forceLink, recoverMember } from './joining.ts';
import { LocalGroup } from './local-group.ts';
import {
  runningOf,
  startMemberEngine,
  startMemberReplicator,
  startStandby,
  stopMemberStandby,
} from './member-processes.ts';
import { writeSettingsOf } from './member-settings.ts';
import { beginAnew, isDataLost } from './outages.ts';
import { RemoteMember } from './remote-member.ts';
import { RemoteWatch } from './remote-watch.ts';
import { staleRegionOf } from './stale-members.ts';
import { beginTakeover, goOnWithTakeover } from './takeover.ts';

const LOOK_EVERY_MS = 150;
const ASK_EVERY_MS = 2000;

const output = pino.destination({ sync: true });
// On a disk that is full lines are lost, and nothing else.
output.on('error', () => {});
const log = pino({ name: 'supervisor' }, output);
const [option, file] = process.argv.slice(2);
if (option !== '--group' || file === undefined) {
  log.fatal('usage: supervisor.ts --group D/group.json');
  process.exit(1);
}
const stopping = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stopping.abort());

/** Until told to stop; a restart that has begun is finished and recorded first. */
async function supervise(dir: string, stop: AbortSignal): Promise<void> {
  const backoffs = new Map<string, Backoff>();
  const recovery = new Recovery(dir);
  const remote = new RemoteWatch(dir, log);
  const hung = new HungEngines(dir, log);
  hung.start();
  log.info({ dir }, 'watching');
  while (!stop.aborted) {
    const group = readGroupFile(dir);
    if (group === null) {
      log.warn({ dir }, 'the group is gone');
      break;
    }
    if (group.owner !== null && !isRunning(group.owner)) {
      log.warn({ dir }, 'the process that this group belongs to is gone: taking the group down');
      updateGroup(dir, (file) => ({ ...file, supervisorPid: 0 }));
      await LocalGroup.open(dir).down();
      break;
    }
    for (const { region } of group.members) await look(dir, region, backoffs, hung);
    for (const member of group.members) remote.look(member);
    recovery.begin();
    recovery.lookForStale();
    await delay(LOOK_EVERY_MS, undefined, { signal: stop }).catch(() => undefined);
  }
  hung.end();
  if (stop.aborted) log.info('told to stop');
}

/** Restarts what is gone of a member, unless somebody is starting or stopping processes just now. */
async function look(
  dir: string,
  region: string,
  backoffs: Map<string, Backoff>,
  hung: HungEngines,
): Promise<void> {
  await ifUnlocked(dir, 'processes', `looking after ${region}`, async () => {
    const group = existingGroup(dir);
    const member = group.members.find((one) => one.region === region);
    // One that is being filled is looked after by whoever fills it.
    if (member === undefined || member.stopped || member.state === 'joining') return;
    // Its host starts again what dies of it.
    if (member.elsewhere !== undefined) return;
    const running = runningOf(dir, member);
    if (running.engine && (await hung.kill(group, member))) running.engine = false;
    const isTaking = member.standby !== null && member.standby.takeover !== 'none';
    const isDue = (kind: string, isThere: boolean): boolean => {
      const name = `${kind} of ${region}`;
      const backoff = backoffs.get(name) ?? new Backoff();
      backoffs.set(name, backoff);
      if (!backoff.isDue(isThere, performance.now())) return false;
      log.error({ region }, `the ${name} is gone; starting it again`);
      return true;
    };
    try {
      if (isTaking && running.engine) await goOnWithTakeover(dir, member);
      else if (!running.engine && running.standby && member.state === 'linked') {
        if (await beginTakeover(dir, member, log)) return;
      }
      if (isDue('engine', running.engine)) await restartEngine(dir, group, member);
      const needsStandby = member.standby !== null && member.state === 'linked' && running.engine;
      if (needsStandby && isDue('standby', running.standby)) await restartStandby(dir, region);
      const needsEngine = member.state === 'linked' && !running.engine;
      if (member.state === 'draining' || needsEngine) return;
      if (isDue('replicator', running.replicator)) await restartReplicator(dir, group, member);
    } catch (error) {
      log.error({ region, err: error }, `a process of ${region} does not start`);
    }
  });
}

async function restartEngine(dir: string, group: GroupFile, member: GroupMember): Promise<void> {
  await stopMemberStandby(dir, member);
  const state = member.state === 'linked' ? 'draining' : member.state;
  const standby = member.standby && { ...member.standby, takeover: 'none' as const };
  const changed = updateMember(dir, member.region, { state, standby });
  await startMemberEngine(dir, group, changed);
  log.error({ region: member.region }, `THE ENGINE OF ${member.region} HAS LOST ITS DATA`);
}

async function restartStandby(dir: string, region: string): Promise<void> {
  const group = existingGroup(dir);
  const member = memberOf(group, region);
  if (member.standby === null) return;
  const pid = await startStandby(dir, group, member, member.standby.port);
  updateMember(dir, region, { standby: { ...member.standby, pid } });
  log.warn({ region }, `${region} has a standby again; it is being filled by its engine`);
}

async function restartReplicator(
  dir: string,
  group: GroupFile,
  member: GroupMember,
): Promise<void> {
  // One that was unlinked only learns that, and puts what it alone has aside.
  if (member.state === 'unlinked') {
    await writeSettingsOf(dir, group, member, { drains: true });
  }
  const ended = startMemberReplicator(dir, group, member);
  void ended.then((error) => {
    log.error({ region: member.region }, error.message);
    if (error.reason === 'CAPTURE_BACKLOG_LOST') giveUpTakeover(dir, member.region);
  });
  log.warn({ region: member.region }, `the replicator of ${member.region} runs again`);
}

/** The standby that took the engine's place lacks what other members have: it is filled from one of them. */
function giveUpTakeover(dir: string, region: string): void {
  const member = readGroupFile(dir)?.members.find((one) => one.region === region);
  if (member?.standby?.takeover !== 'admitting' || member.state !== 'linked') return;
  log.error({ region }, `what took the place of the engine of ${region} lacks writes of it`);
  updateMember(dir, region, {
    state: 'draining',
    standby: { ...member.standby, takeover: 'none' },
  });
}

/** Fills members that have to be, one after the other, while everything else is looked after. */
class Recovery {
  readonly #dir: string;
  readonly #backoff = new Backoff();
  #isBusy = false;
  #isAsking = false;
  #askedMs = 0;

  constructor(dir: string) {
    this.#dir = dir;
  }

  /** Begins, if there is a member to fill and nobody changes the membership. */
  begin(): void {
    const group = readGroupFile(this.#dir);
    const needs = ({ state, stopped }: GroupMember): boolean =>
      (state === 'draining' || state === 'joining') && !stopped;
    const isNeeded = group?.members.some(needs) ?? false;
    if (this.#isBusy || !this.#backoff.isDue(!isNeeded, performance.now())) return;
    this.#isBusy = true;
    ifUnlocked(this.#dir, 'membership', 'filling a member', async () => {
      const now = existingGroup(this.#dir);
      for (const member of now.members.filter(needs)) {
        // One whose host does not answer must not keep the others waiting.
        if (!(await isInReach(member))) continue;
        return await this.#fill(now, member);
      }
    })
      .catch((err: unknown) => log.error({ err }, 'a member could not be filled'))
      .finally(() => {
        this.#isBusy = false;
      });
  }

  /** Fills one that is back after the others had given up keeping things for it. */
  lookForStale(): void {
    const group = readGroupFile(this.#dir);
    const nowMs = performance.now();
    if (group === null || this.#isAsking || nowMs - this.#askedMs < ASK_EVERY_MS) return;
    this.#askedMs = nowMs;
    this.#isAsking = true;
    this.#fillStale(group)
      .catch((err: unknown) => log.error({ err }, 'a stale member could not be filled'))
      .finally(() => {
        this.#isAsking = false;
      });
  }

  async #fillStale(group: GroupFile): Promise<void> {
    const region = await staleRegionOf(group);
    if (region === undefined) return;
    log.warn({ region }, `${region} is STALE: filling it from another member`);
    await forceLink(this.#dir, region);
    log.warn({ region }, `${region} is linked again`);
  }

  async #fill(group: GroupFile, { region }: GroupMember): Promise<void> {
    if (isDataLost(group)) {
      log.fatal('ALL ENGINES HAVE LOST THEIR DATA: the group begins anew, empty');
      await beginAnew(this.#dir);
      return;
    }
    log.warn({ region }, `filling ${region} from another member`);
    const joined = await recoverMember(this.#dir, region);
    const { bytes, givenBytes } = joined ?? {};
    const { id } = memberOf(existingGroup(this.#dir), region);
    log.warn({ region, id, bytes, givenBytes }, `${region} is linked again`);
  }
}

async function isInReach(member: GroupMember): Promise<boolean> {
  const remote = RemoteMember.of(member);
  if (remote === null) return true;
  return await remote.state().then(
    () => true,
    () => false,
  );
}

await supervise(dirname(file), stopping.signal);
