// Keeps the processes of a group on this machine running: one small detached process per group.
//
// It starts nothing at first: engines and replicators are there when it comes, and stay when it goes,
// so that a fault here interrupts no data path. It looks at each process a few times a second,
// restarts those that have gone, slower each time that does not help, and records the new pid.
// One process per group, and not per member, is enough: it idles, and it has no state to lose.
//
// A group may belong to a process (that of a demonstration): when that is gone, the group goes too.
//
// A restarted engine is empty, since engines in a group keep nothing on disk.

import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { pino } from 'pino';
import { isRunning } from '../engine/pid.ts';
import { startEngine } from '../engine/process.ts';
import { Backoff } from './backoff.ts';
import {
  engineOf,
  engineSettings,
  type GroupFile,
  type GroupMember,
  memberDir,
  readGroupFile,
  replicatorOf,
  writeGroupFile,
} from './group-file.ts';
import { LocalGroup } from './local-group.ts';
import { startReplicator } from './replicator-process.ts';

const LOOK_EVERY_MS = 150;

const log = pino({ name: 'supervisor' });
const [option, file] = process.argv.slice(2);
if (option !== '--group' || file === undefined) {
  log.fatal('usage: supervisor.ts --group D/group.json');
  process.exit(1);
}
const stopping = new AbortController();
for (const name of ['SIGTERM', 'SIGINT'] as const) process.on(name, () => stopping.abort());
await supervise(dirname(file), stopping.signal);

/** Until told to stop; a restart that has begun is finished and recorded first. */
async function supervise(dir: string, stop: AbortSignal): Promise<void> {
  const backoffs = new Map<string, Backoff>();
  log.info({ dir }, 'watching');
  while (!stop.aborted) {
    const group = readGroupFile(dir);
    if (group === null) {
      log.warn({ dir }, 'the group is gone');
      return;
    }
    if (group.owner !== null && !isRunning(group.owner)) {
      log.warn({ dir }, 'the process that this group belongs to is gone: taking the group down');
      writeGroupFile(dir, { ...group, supervisorPid: 0 });
      await LocalGroup.open(dir).down();
      return;
    }
    for (const member of group.members) {
      await restartIfGone(dir, member, backoffs, 'engine', (known) =>
        restartEngine(dir, group, known),
      );
      await restartIfGone(dir, member, backoffs, 'replicator', (known) =>
        restartReplicator(dir, group, known),
      );
    }
    await delay(LOOK_EVERY_MS, undefined, { signal: stop }).catch(() => undefined);
  }
  log.info('told to stop');
}

async function restartIfGone(
  dir: string,
  member: GroupMember,
  backoffs: Map<string, Backoff>,
  kind: 'engine' | 'replicator',
  restart: (member: GroupMember) => Promise<Partial<GroupMember>>,
): Promise<void> {
  const known = kind === 'engine' ? engineOf(dir, member) : replicatorOf(dir, member);
  const name = `${kind} of ${member.region}`;
  const backoff = backoffs.get(name) ?? new Backoff();
  backoffs.set(name, backoff);
  const running = isRunning(known);
  if (!backoff.isDue(running, performance.now())) return;
  log.error(
    { region: member.region, gonePid: known.pid },
    `the ${name} is gone; starting it again`,
  );
  try {
    const change = await restart(member);
    record(dir, member.id, change);
    log.warn({ region: member.region, ...change }, `the ${name} runs again`);
  } catch (error) {
    log.error({ region: member.region, err: error }, `the ${name} does not start`);
  }
}

async function restartEngine(
  dir: string,
  group: GroupFile,
  member: GroupMember,
): Promise<Partial<GroupMember>> {
  const engine = await startEngine({
    binary: group.engine,
    dir: memberDir(dir, member),
    port: member.enginePort,
    users: group,
    settings: engineSettings(group),
  });
  log.error({ region: member.region }, `THE ENGINE OF ${member.region} HAS LOST ITS DATA`);
  return { enginePid: engine.process.pid };
}

async function restartReplicator(
  dir: string,
  group: GroupFile,
  member: GroupMember,
): Promise<Partial<GroupMember>> {
  const replicator = startReplicator(group.replicatorScript, memberDir(dir, member));
  void replicator.ended.then((error) => log.error({ region: member.region }, error.message));
  return { replicatorPid: replicator.process.pid };
}

/** The file is read again: others of its members may have changed meanwhile. */
function record(dir: string, id: number, change: Partial<GroupMember>): void {
  const group = readGroupFile(dir);
  if (group === null) return;
  const members = group.members.map((member) =>
    member.id === id ? { ...member, ...change } : member,
  );
  writeGroupFile(dir, { ...group, members });
}
