// A group of regions on this machine: an engine and a replicator for each, with links between them.
//
// The processes are detached and belong to a folder, not to whoever started them: a group is found
// again by its folder. Bringing one up either succeeds as a whole (all engines answer, all links
// stand) or leaves nothing behind: no process and no file.

import { randomBytes } from 'node:crypto';
import { existsSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { OperatorError } from '../base/errors.ts';
import { REPLICATOR_USER } from '../engine/acl.ts';
import { type EngineBinary, findEngine } from '../engine/find.ts';
import { findModules } from '../engine/modules.ts';
import { isRunning, stopProcess, thisProcess } from '../engine/pid.ts';
import { startEngine } from '../engine/process.ts';
import type { ReplicatorConfig } from '../replicator/config.ts';
import type { ReplicatorStatus } from '../replicator/status.ts';
import { cutLinks, healLinks, readStatusIfUp } from './admin.ts';
import { prepareDir, removeGroupFiles, removeMadeDir } from './group-dir.ts';
import {
  ENGINE_HUNG_AFTER_MS,
  engineSettings,
  existingGroup,
  type GroupFile,
  type GroupMember,
  type HungEngine,
  hostsOf,
  hungOf,
  memberDir,
  memberOf,
  newStandby,
  type ReplicatorOptions,
  readGroupFile,
  replicatorOf,
  supervisorOf,
  writeGroupFile,
} from './group-file.ts';
import { runningNow, startStandby, stopMemberEngine } from './member-processes.ts';
import { writeMemberSettings } from './member-settings.ts';
import { checkPortsFree, freePorts } from './ports.ts';
import { groupRegions, regionNamed } from './regions.ts';
import { type StartedReplicator, startReplicator } from './replicator-process.ts';
import { startSupervisor } from './supervisor-process.ts';

export interface LocalGroupOptions {
  readonly dir: string;
  readonly regions: readonly string[];
  /** Links without TLS. */
  readonly plain?: boolean;
  /** Links as slow as the distance between the regions makes them. */
  readonly wan?: boolean;
  /** Path or name of the engine's binary. */
  readonly engine?: string | undefined;
  /** Engines from this port on, replicators from 100, their admin addresses from 200 and standbys from 300 above it. */
  readonly basePort?: number | undefined;
  readonly logLevel?: ReplicatorConfig['logLevel'] | undefined;
  readonly clientPassword?: string | undefined;
  readonly maxmemoryBytes?: number;
  /** Paths of modules that every engine loads. */
  readonly modules?: readonly string[] | undefined;
  readonly gatherMs?: number;
  /** Record in conflicts what clients wrote. */
  readonly conflictValues?: boolean;
  /** Whether libraries of functions are those of each region, or the same in all; default local. */
  readonly functions?: ReplicatorConfig['functions'] | undefined;
  /** Bytes of a segment of a log, and of a log while a member cannot be reached. */
  readonly segmentBytes?: number | undefined;
  readonly logMaxBytes?: number | undefined;
  /** The group ends with this process, however that ends. Needs supervision. */
  readonly owned?: boolean;
  /** A second engine for each member, which takes the first one's place when that dies. */
  readonly standby?: boolean | undefined;
  /** When an engine hangs that says nothing; 0: its standby never takes its place while it is there. */
  readonly engineHungAfterMs?: number | undefined;
  /** Restart processes that die; default true. */
  readonly supervise?: boolean;
  /** Addresses by region, of networks that were made for it; default: this machine's own. */
  readonly hosts?: GroupFile['hosts'];
  /** The script that replicators run, for tests of this class. */
  readonly replicatorScript?: string;
}

export interface MemberStatus {
  readonly region: string;
  readonly state: GroupMember['state'];
  readonly stopped: boolean;
  readonly engineRunning: boolean;
  /** It runs and answers nothing; null: it does, as far as is known. */
  readonly engineHung: HungEngine | null;
  /** null: it has none. */
  readonly standbyRunning: boolean | null;
  readonly replicatorRunning: boolean;
  /** null: the replicator does not answer. */
  readonly replicator: ReplicatorStatus | null;
}

export interface GroupStatus {
  readonly group: string;
  /** Every member runs, and is connected with every other. */
  readonly ready: boolean;
  readonly supervisorRunning: boolean;
  readonly members: readonly MemberStatus[];
}

const READY_TIMEOUT_MS = 20_000;
const POLL_MS = 20;
const STOP_GRACE_MS = 5_000;
const REPLICATOR_SCRIPT = join(import.meta.dirname, '../replicator/main.ts');

export class LocalGroup {
  readonly dir: string;
  #file: GroupFile;

  private constructor(dir: string, file: GroupFile) {
    this.dir = dir;
    this.#file = file;
  }

  /** Starts a group; resolves when all members are connected in all directions. */
  static async up(options: LocalGroupOptions): Promise<LocalGroup> {
    const regions = groupRegions(options.regions);
    const binary = await findEngine({ engine: options.engine });
    const modules = findModules(options.modules ?? []);
    const madeDir = prepareDir(options.dir);
    const dir = realpathSync(options.dir);
    let group: LocalGroup | null = null;
    try {
      const file = await describeGroup(options, regions, { ...binary, modules }, madeDir);
      group = new LocalGroup(dir, file);
      await group.#start(options);
      return group;
    } catch (error) {
      if (group === null) removeMadeDir(dir, madeDir);
      else await group.down();
      throw error;
    }
  }

  /** The group in this folder, running or not. */
  static open(dir: string): LocalGroup {
    const path = existsSync(dir) ? realpathSync(dir) : dir;
    return new LocalGroup(path, existingGroup(path));
  }

  /** As last written down: pids change when processes are restarted. */
  get members(): readonly GroupMember[] {
    this.#file = readGroupFile(this.dir) ?? this.#file;
    return this.#file.members;
  }

  /** With what `waitUntilQuiet` needs. */
  get quietMembers() {
    const { clientPassword, replicatorPassword: password } = this.#file;
    const engineUser = { username: REPLICATOR_USER, password };
    return this.members.map((member) => ({
      ...{ ...member, clientPassword },
      // Of those that a control plane hosts only digests are known.
      ...(member.hosted === undefined ? {} : { engineUser }),
    }));
  }

  member(region: string): GroupMember {
    return memberOf({ members: this.members }, regionNamed(region));
  }

  async status(): Promise<GroupStatus> {
    const members = await Promise.all(
      this.members.map(async (member) => {
        const running = await runningNow(this.dir, member);
        return {
          region: member.region,
          state: member.state,
          stopped: member.stopped,
          engineRunning: running.engine,
          engineHung: running.engine ? hungOf(member) : null,
          standbyRunning: member.standby && running.standby,
          replicatorRunning: running.replicator,
          replicator: await readStatusIfUp(member),
        };
      }),
    );
    return {
      group: this.#file.group,
      ready: members
        .filter(({ state }) => state !== 'unlinked')
        .every((m) => m.state === 'linked' && doesAnswer(m) && isReady(m.replicator)),
      supervisorRunning: isRunning(supervisorOf(this.dir, this.#file)),
      members,
    };
  }

  /** Stops all traffic between two regions, as a partition of the network would. */
  async cut(regionA: string, regionB: string): Promise<void> {
    const [a, b] = this.#pair(regionA, regionB);
    await Promise.all([cutLinks(a, [b.id]), cutLinks(b, [a.id])]);
  }

  /** Lets traffic flow again between two regions, or between all. */
  async heal(regionA?: string, regionB?: string): Promise<void> {
    if (regionA === undefined || regionB === undefined) {
      await Promise.all(this.members.map((member) => healLinks(member)));
      return;
    }
    const [a, b] = this.#pair(regionA, regionB);
    await Promise.all([healLinks(a, [b.id]), healLinks(b, [a.id])]);
  }

  /** Stops every process and removes the files, unless they are to be kept. */
  async down(options: { readonly keep?: boolean } = {}): Promise<void> {
    await stopProcess(supervisorOf(this.dir, this.#file), 2 * STOP_GRACE_MS);
    const { members } = this;
    const each = async (stop: (member: GroupMember) => Promise<void>) => {
      await Promise.all(members.map(stop));
    };
    await each((member) => stopProcess(replicatorOf(this.dir, member), STOP_GRACE_MS));
    await each((member) => stopMemberEngine(this.dir, member));
    if (options.keep !== true) removeGroupFiles(this.dir, this.#file);
  }

  async #start(options: LocalGroupOptions): Promise<void> {
    this.#write({});
    await writeMemberSettings(this.dir, this.#file);
    for (const member of this.#file.members) {
      const engine = await startEngine({
        binary: this.#file.engine,
        dir: memberDir(this.dir, member),
        port: member.enginePort,
        users: this.#file,
        settings: engineSettings(this.#file, member),
      });
      this.#update(member.id, { enginePid: engine.process.pid });
      if (member.standby === null) continue;
      const pid = await startStandby(this.dir, this.#file, member, member.standby.port);
      this.#update(member.id, { standby: { ...member.standby, pid } });
    }
    const replicators = this.#file.members.map((member) => {
      const started = startReplicator(this.#file.replicatorScript, memberDir(this.dir, member));
      this.#update(member.id, { replicatorPid: started.process.pid });
      return started;
    });
    await this.#waitUntilReady(replicators);
    if (options.supervise !== false) this.#startSupervisor();
  }

  async #waitUntilReady(replicators: readonly StartedReplicator[]): Promise<void> {
    let failure: OperatorError | null = null;
    const ended = Promise.race(replicators.map((replicator) => replicator.ended));
    void ended.then((error) => {
      failure = error;
    });
    const deadlineMs = performance.now() + READY_TIMEOUT_MS;
    for (;;) {
      const statuses = await Promise.all(this.#file.members.map(readStatusIfUp));
      if (failure !== null) throw failure;
      if (statuses.every((status) => isReady(status) && hasStandby(status))) return;
      if (performance.now() > deadlineMs) throw notReady(this.#file.members, statuses);
      await Promise.race([ended, delay(POLL_MS)]);
    }
  }

  #startSupervisor(): void {
    this.#write({ supervisorPid: startSupervisor(this.dir) });
  }

  #pair(regionA: string, regionB: string): [GroupMember, GroupMember] {
    const [a, b] = [this.member(regionA), this.member(regionB)];
    if (a.id !== b.id) return [a, b];
    const message = `${a.region} has no link with itself`;
    throw new OperatorError('SAME_REGION', message, 'Name two different regions.');
  }

  #update(id: number, change: Partial<GroupMember>): void {
    this.#write({
      members: this.#file.members.map((member) =>
        member.id === id ? { ...member, ...change } : member,
      ),
    });
  }

  #write(change: Partial<GroupFile>): void {
    this.#file = { ...this.#file, ...change };
    writeGroupFile(this.dir, this.#file);
  }
}

function isReady(status: ReplicatorStatus | null): boolean {
  return status?.engine.up === true && status.peers.every((peer) => peer.connected && !peer.cut);
}

function doesAnswer({ engineRunning, engineHung }: MemberStatus): boolean {
  return engineRunning && engineHung === null;
}

/** If it is to have one: the replicator captures from it. */
function hasStandby(status: ReplicatorStatus | null): boolean {
  return status?.capture?.standby == null || status.capture.source === 'standby';
}

function notReady(
  members: readonly GroupMember[],
  statuses: readonly (ReplicatorStatus | null)[],
): OperatorError {
  const reasons = members.flatMap((member, index) => {
    const status = statuses[index] ?? null;
    if (status === null) return [`the replicator of ${member.region} does not answer`];
    if (!status.engine.up) return [`the replicator of ${member.region} has no engine`];
    if (!hasStandby(status)) {
      return [`the standby of ${member.region}: ${status.capture?.standby?.obstacle}`];
    }
    return status.peers
      .filter((peer) => !peer.connected)
      .map((peer) => `${member.region} is not connected with ${peer.region} (${peer.lastError})`);
  });
  return new OperatorError(
    'GROUP_NOT_READY',
    `the group is not connected after ${READY_TIMEOUT_MS / 1000} s: ${reasons.join('; ')}`,
    'Make sure that nothing on this machine blocks connections to 127.0.0.1, and try again.',
  );
}

async function describeGroup(
  options: LocalGroupOptions,
  regions: readonly string[],
  engine: EngineBinary & { readonly modules: string[] },
  madeDir: boolean,
): Promise<GroupFile> {
  const ports = await choosePorts(options.basePort, regions.length, options.standby ? 4 : 3);
  const hosts = options.hosts ?? {};
  const members = regions.map((region, index) => ({
    id: index + 1,
    region,
    ...hostsOf({ hosts }, region),
    enginePort: ports[index]!,
    replicatorPort: ports[regions.length + index]!,
    adminPort: ports[2 * regions.length + index]!,
    enginePid: 0,
    replicatorPid: 0,
    state: 'linked' as const,
    stopped: false,
    standby: options.standby ? newStandby(ports[3 * regions.length + index]!) : null,
  }));
  return {
    version: 1,
    group: `local-${randomBytes(4).toString('hex')}`,
    epoch: 1,
    plain: options.plain ?? false,
    wan: options.wan ?? false,
    madeDir,
    engine: { ...engine, maxmemoryBytes: options.maxmemoryBytes ?? 0 },
    clientPassword: options.clientPassword ?? null,
    replicatorPassword: randomBytes(24).toString('base64url'),
    replicatorScript: options.replicatorScript ?? REPLICATOR_SCRIPT,
    supervisorPid: 0,
    owner: options.owned ? thisProcess() : null,
    replicators: replicatorOptionsOf(options),
    standbys: options.standby === true,
    engineHungAfterMs: options.engineHungAfterMs ?? ENGINE_HUNG_AFTER_MS,
    members,
    hosts,
    gone: [],
    nextId: members.length + 1,
  };
}

function replicatorOptionsOf(options: LocalGroupOptions): ReplicatorOptions {
  const { logLevel, gatherMs, conflictValues, functions, segmentBytes, logMaxBytes } = options;
  return {
    ...(logLevel === undefined ? {} : { logLevel }),
    ...(gatherMs === undefined ? {} : { gatherMs }),
    ...(conflictValues === undefined ? {} : { conflictValues }),
    ...(functions === undefined ? {} : { functions }),
    ...(segmentBytes === undefined ? {} : { segmentBytes }),
    ...(logMaxBytes === undefined ? {} : { logMaxBytes }),
  };
}

/** Engine ports, then replicator ports, admin ports, and ports of standbys: so many kinds. */
async function choosePorts(
  basePort: number | undefined,
  count: number,
  kinds: number,
): Promise<number[]> {
  if (basePort === undefined) return await freePorts(kinds * count);
  const ports = Array.from({ length: kinds }, (_, kind) =>
    Array.from({ length: count }, (_, index) => basePort + 100 * kind + index),
  ).flat();
  if (ports.some((port) => port < 1 || port > 65_535)) {
    const message = `ports from ${basePort} to ${ports.at(-1)} are out of range`;
    throw new OperatorError('PORT_RANGE', message, 'Choose a base port from 1024 to 65000.');
  }
  await checkPortsFree(ports);
  return ports;
}
