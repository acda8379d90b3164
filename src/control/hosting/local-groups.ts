// Geo-replication groups whose members all run on this machine: a folder for each, as `atoll local` has them. Their
// processes, a supervisor among them, go on without the control plane.

import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../../base/assert.ts';
import { OperatorError } from '../../base/errors.ts';
import type { EngineEndpoint } from '../../engine/client.ts';
import { refuseWrites } from '../../engine/client-access.ts';
import { findEngine } from '../../engine/find.ts';
import { isRunning, processesWith, stopProcess } from '../../engine/pid.ts';
import { flushGroup } from '../../group/flush.ts';
import {
  ENGINE_HUNG_AFTER_MS,
  existingGroup,
  type GroupFile,
  type GroupMember,
  type Hosted,
  memberOf,
  presentMembers,
  readGroupFile,
  supervisorOf,
  updateGroup,
  updateMember,
  writeGroupFile,
} from '../../group/group-file.ts';
import { withGroupLock } from '../../group/group-lock.ts';
import { settleRemovals } from '../../group/host-removals.ts';
import { forceLink, joinGroup } from '../../group/joining.ts';
import { LocalGroup } from '../../group/local-group.ts';
import {
  endpointOf,
  keepMember,
  limitMember,
  setMemberAccess,
  startMemberEngine,
  startMemberReplicator,
  streamPosition,
  waitForStatuses,
} from '../../group/member-processes.ts';
import { writeMemberSettings } from '../../group/member-settings.ts';
import {
  endMember,
  leaveGroup,
  reconfigure,
  removeMember,
  unlinkMembers,
} from '../../group/membership.ts';
import { freePorts } from '../../group/ports.ts';
import { RemoteMember } from '../../group/remote-member.ts';
import { startSupervisor } from '../../group/supervisor-process.ts';
import type { ReplicatorStatus } from '../../replicator/status.ts';
import type { Attempt, EnginePlan } from './hosting.ts';
import { certifyEngine, type Hosts, mixedPlaces } from './hosts.ts';
import type { EngineFiles } from './lone-engines.ts';

const STOP_GRACE_MS = 5_000;
const BEGIN_TIMEOUT_MS = 30_000;
const FILL_TIMEOUT_MS = 180_000;
const FLUSH_TIMEOUT_MS = 30_000;
const REPLICATOR_SCRIPT = join(import.meta.dirname, '../../replicator/main.ts');

export interface GroupLinks {
  /** Without TLS. */
  readonly isPlain?: boolean;
  /** As slow as the distance between the regions makes them. */
  readonly isWide?: boolean;
}

interface GroupsOptions {
  readonly root: string;
  readonly engine: string | undefined;
  readonly links: GroupLinks;
  /** Of which some may run members. */
  readonly hosts: Hosts | null;
}

type Place = Pick<
  GroupMember,
  'host' | 'enginePort' | 'replicatorPort' | 'adminPort' | 'elsewhere'
> & { hosted: Hosted };

export class LocalGroups {
  readonly #root: string;
  readonly #engine: string | undefined;
  readonly #links: GroupLinks;
  readonly #files: EngineFiles;
  readonly #hosts: Hosts | null;

  constructor({ root, engine, links, hosts }: GroupsOptions, files: EngineFiles) {
    this.#root = root;
    this.#engine = engine;
    this.#links = links;
    this.#files = files;
    this.#hosts = hosts;
  }

  dirOf(group: string): string {
    return join(this.#root, group);
  }

  async begin(id: string, plan: EnginePlan): Promise<void> {
    const dir = this.dirOf(id);
    if (await this.#isBegun(dir, plan)) return;
    // Nobody has been told of it yet: what an attempt that was cut short has left goes.
    await this.#wipe(dir);
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    const group = await this.#describe(id, plan);
    writeGroupFile(dir, group);
    const member = memberOf(group, plan.region);
    await RemoteMember.of(member)?.remove();
    await writeMemberSettings(dir, group);
    await startMemberEngine(dir, group, member);
    let failure: OperatorError | undefined;
    void startMemberReplicator(dir, group, member).then((error) => {
      failure = error;
    });
    await waitForStatuses(
      [member],
      ([status]) => status?.engine.up === true,
      BEGIN_TIMEOUT_MS,
      () => failure ?? silent(plan.region),
    );
    await keepMember(member);
    this.keepSupervised(id);
  }

  async join(id: string, plan: EnginePlan): Promise<void> {
    const dir = this.dirOf(id);
    const memberNow = () => existingGroup(dir).members.find(({ region }) => region === plan.region);
    if (memberNow()?.state === 'linked') return;
    if (memberNow() !== undefined) {
      // Somebody began and left half-way. Nobody has been told of it yet: it begins from the start. The supervisor
      // may be about to finish it, and may have done so by the time that it lets the group go.
      await withGroupLock(
        dir,
        'membership',
        `${plan.region} begins again`,
        async () => {
          if (memberNow()?.state === 'linked') return;
          await removeMember(dir, plan.region);
          await reconfigure(dir);
        },
        FILL_TIMEOUT_MS,
      );
    }
    if (memberNow()?.state === 'linked') return;
    checkPlaces(existingGroup(dir), plan);
    await joinGroup(dir, plan.region, { place: await this.#place(id, plan) });
  }

  async relink(id: string, plan: EnginePlan, { isAgain }: Attempt): Promise<void> {
    const dir = this.dirOf(id);
    const there = existingGroup(dir).members.find(({ region }) => region === plan.region);
    if (there === undefined) return await this.join(id, plan);
    if (isAgain && there.state === 'linked') return;
    if (isAgain && there.state !== 'unlinked') return await this.join(id, plan);
    await this.#certify(plan);
    updateMember(dir, plan.region, { hosted: await this.#hosted(plan) });
    await forceLink(dir, plan.region);
  }

  async leave(id: string, region: string, options: { lossless: boolean } & Attempt): Promise<void> {
    const dir = this.dirOf(id);
    const group = readGroupFile(dir);
    if (group === null) return await this.#wipe(dir);
    const leaving = group.members.find((member) => member.region === region);
    const others = group.members.filter((member) => member.region !== region);
    if (others.length === 0) {
      if (leaving !== undefined) await endMember(dir, leaving);
      await LocalGroup.open(dir).down();
      return await this.#wipe(dir);
    }
    const areLeft = presentMembers(group).some((member) => member.region !== region);
    if (leaving !== undefined) {
      if (leaving.state === 'linked' && areLeft && options.lossless) await leaveGroup(dir, region);
      else await removed(dir, region);
    }
    // A newcomer that is given up, or a departure that was cut short, is still in the settings of the others.
    const isUnsettled = leaving?.state === 'joining' || options.isAgain;
    if (areLeft && isUnsettled) await settled(dir);
  }

  async unlink(id: string, region: string, { isAgain }: Attempt): Promise<void> {
    const dir = this.dirOf(id);
    const lost = existingGroup(dir).members.find((member) => member.region === region);
    if (lost !== undefined && lost.state !== 'unlinked') await unlinkMembers(dir, [region]);
    else if (isAgain) await settled(dir);
  }

  /** Returns when the removals are visible in every member that runs. */
  async flush(id: string): Promise<void> {
    const dir = this.dirOf(id);
    await flushGroup(dir);
    const group = existingGroup(dir);
    const members = group.members.filter(({ state, stopped }) => state === 'linked' && !stopped);
    const [source] = members;
    if (source === undefined) return;
    const offset = await streamPosition(group, source);
    const own = String(source.id);
    const isEverywhere = ([first, ...others]: readonly ReplicatorStatus[]): boolean => {
      const last = first?.versionVector[own] ?? 0;
      const isCaptured = first !== undefined && first.capturedOffset >= offset;
      return isCaptured && others.every((one) => (one.versionVector[own] ?? 0) >= last);
    };
    await waitForStatuses(members, isEverywhere, FLUSH_TIMEOUT_MS, () => notFlushed());
  }

  /** Throws OperatorError for one on a host: nobody else reaches its engine. */
  endpointOf(id: string, region: string): EngineEndpoint {
    const group = existingGroup(this.dirOf(id));
    return endpointOf(group, memberOf(group, region));
  }

  /** Returns when what was written at this member by now is in its log. */
  async settle(id: string, region: string): Promise<void> {
    const group = existingGroup(this.dirOf(id));
    const member = memberOf(group, region);
    const offset = await streamPosition(group, member);
    const isCaptured = ([status]: readonly ReplicatorStatus[]): boolean =>
      status !== undefined && status.capturedOffset >= offset;
    await waitForStatuses([member], isCaptured, FILL_TIMEOUT_MS, () => silent(region));
  }

  async reconfigure(id: string, plan: EnginePlan): Promise<void> {
    const dir = this.dirOf(id);
    updateMember(dir, plan.region, { hosted: await this.#hosted(plan) });
    const group = updateGroup(dir, (file) => ({
      ...file,
      engine: { ...file.engine, maxmemoryPolicy: plan.maxmemoryPolicy },
    }));
    const member = memberOf(group, plan.region);
    await limitMember(group, member, plan);
    const isLetIn = member.state === 'linked' || member.state === 'unlinked';
    await setMemberAccess(group, member, isLetIn ? 'all' : 'none');
    if (member.state === 'unlinked' && plan.host === null) {
      await refuseWrites(endpointOf(group, member));
    }
  }

  /** Starts the group's supervisor when it does not run; that starts everything else. */
  keepSupervised(id: string): void {
    const dir = this.dirOf(id);
    const group = readGroupFile(dir);
    if (group === null || isRunning(supervisorOf(dir, group))) return;
    const supervisorPid = startSupervisor(dir);
    updateGroup(dir, (file) => ({ ...file, supervisorPid }));
  }

  async #isBegun(dir: string, plan: EnginePlan): Promise<boolean> {
    const group = existsSync(dir) ? readGroupFile(dir) : null;
    if (group === null || !isRunning(supervisorOf(dir, group))) return false;
    return group.members.some(({ region, state }) => region === plan.region && state === 'linked');
  }

  async #describe(id: string, plan: EnginePlan): Promise<GroupFile> {
    const binary = await findEngine({ engine: this.#engine });
    const member: GroupMember = {
      ...{ id: 1, region: plan.region, enginePid: 0, replicatorPid: 0 },
      state: 'linked',
      stopped: false,
      standby: null,
      ...(await this.#place(id, plan)),
    };
    return {
      version: 1,
      group: id,
      epoch: 1,
      plain: this.#links.isPlain === true && plan.host === null,
      wan: this.#links.isWide === true,
      madeDir: true,
      engine: {
        ...binary,
        maxmemoryBytes: plan.memoryBytes,
        maxmemoryPolicy: plan.maxmemoryPolicy,
        // A host knows where its own are.
        modules: plan.host === null ? this.#files.modulePaths(plan.modules) : [],
      },
      clientPassword: randomBytes(24).toString('base64url'),
      replicatorPassword: randomBytes(24).toString('base64url'),
      replicatorScript: REPLICATOR_SCRIPT,
      supervisorPid: 0,
      owner: null,
      replicators: {},
      standbys: false,
      engineHungAfterMs: ENGINE_HUNG_AFTER_MS,
      hosts: {},
      members: [member],
      gone: [],
      nextId: 2,
    };
  }

  async #place(id: string, plan: EnginePlan): Promise<Place> {
    await this.#certify(plan);
    const ports = plan.host === null ? await freePorts(3) : await this.#portsOn(plan.host);
    const [innerPort = 0, replicatorPort = 0, adminPort = 0] = ports;
    return {
      ...{ host: plan.address, replicatorPort, adminPort },
      enginePort: plan.isEncrypted ? innerPort : plan.port,
      hosted: await this.#hosted(plan),
      ...(plan.host === null ? {} : { elsewhere: this.#elsewhere(id, plan, plan.host) }),
    };
  }

  async #portsOn(host: string): Promise<number[]> {
    await settleRemovals(this.#hostsKnown.fileOf(host));
    return (await this.#hostsKnown.clientOf(host).call('ports', { count: 3 })).ports;
  }

  #elsewhere(id: string, plan: EnginePlan, host: string): NonNullable<GroupMember['elsewhere']> {
    return {
      ...{ hostFile: this.#hostsKnown.fileOf(host), group: id, certificate: plan.runtime },
      tlsPort: plan.isEncrypted ? plan.port : null,
      modules: [...plan.modules],
    };
  }

  /** What the engine on a host shows to its clients. */
  async #certify(plan: EnginePlan): Promise<void> {
    if (plan.host === null || !plan.isEncrypted) return;
    await certifyEngine(this.#hostsKnown, plan.host, plan);
  }

  get #hostsKnown(): Hosts {
    assert(this.#hosts !== null, 'who places something on a host knows hosts');
    return this.#hosts;
  }

  async #hosted(plan: EnginePlan): Promise<Hosted> {
    return {
      clientDigests: [...plan.digests],
      users: plan.users.map(({ name, digests, rules }) => ({
        ...{ name, digests: [...digests] },
        rules: rules === null ? null : [...rules],
      })),
      maxmemoryBytes: plan.memoryBytes,
      tls:
        plan.isEncrypted && plan.host === null
          ? { port: plan.port, ...(await this.#files.tlsOf(plan)) }
          : null,
    };
  }

  /** Also processes whose pids nobody has written down. */
  async #wipe(dir: string): Promise<void> {
    await Promise.all(processesWith(`${dir}/`).map((one) => stopProcess(one, STOP_GRACE_MS)));
    rmSync(dir, { recursive: true, force: true });
  }
}

async function removed(dir: string, region: string): Promise<void> {
  await withGroupLock(dir, 'membership', `removing ${region}`, () => removeMember(dir, region));
}

async function settled(dir: string): Promise<void> {
  await withGroupLock(dir, 'membership', 'configuring anew', () => reconfigure(dir));
}

/** Members on this machine are on addresses of loopback: neither they nor those on hosts could reach the others. */
function checkPlaces({ members }: GroupFile, { host }: EnginePlan): void {
  if (members.some(({ elsewhere }) => (elsewhere === undefined) !== (host === null))) {
    throw mixedPlaces();
  }
}

function notFlushed(): OperatorError {
  return new OperatorError(
    'GROUP_NOT_FLUSHED',
    `the removals are not visible in every member after ${FLUSH_TIMEOUT_MS / 1000} s`,
    'They follow as soon as the links stand. Look at the state of the members.',
  );
}

function silent(region: string): OperatorError {
  return new OperatorError(
    'REPLICATOR_UNREACHABLE',
    `the replicator of ${region} is not ready after ${BEGIN_TIMEOUT_MS / 1000} s`,
    'See its replicator.log.',
  );
}
