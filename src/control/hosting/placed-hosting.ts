// Engines run where they were placed: on this machine, or on a host. Folders of groups are here in any case.

import type { EngineEndpoint } from '../../engine/client.ts';
import { Backoff } from '../../group/backoff.ts';
import type { CallBody } from '../../group/host-protocol.ts';
import { removeFromHost, settleRemovals } from '../../group/host-removals.ts';
import {
  type Attempt,
  type EnginePlan,
  type Expected,
  engineElsewhere,
  type Hosting,
  type Measured,
} from './hosting.ts';
import { certifyEngine, type HostPlace, type Hosts } from './hosts.ts';
import type { LocalHosting } from './local-hosting.ts';

const START_MS_MAX = 60_000;

export interface PlacedHostingOptions {
  readonly local: LocalHosting;
  readonly hosts: Hosts;
  /** Regions without hosts are hosted here. */
  readonly isHostItself: boolean;
  /** Where an engine was placed; null: on this machine, or nowhere. */
  readonly hostOfRuntime: (runtime: string) => Promise<string | null>;
  /** Told what could not be kept running. */
  readonly onTrouble: (what: string, error: unknown) => void;
}

export class PlacedHosting implements Hosting {
  readonly #options: PlacedHostingOptions;
  readonly #local: LocalHosting;
  readonly #hosts: Hosts;
  readonly #backoffs = new Map<string, Backoff>();

  constructor(options: PlacedHostingOptions) {
    this.#options = options;
    this.#local = options.local;
    this.#hosts = options.hosts;
  }

  modulesOn(host: string | null): readonly string[] {
    if (host === null) return this.#local.modulesOn();
    return this.#hosts.find(host)?.modules ?? [];
  }

  capacityBytes(host: string | null): number {
    if (host === null) return this.#local.capacityBytes();
    return this.#hosts.find(host)?.memoryBytes ?? 0;
  }

  placesIn(region: string): readonly HostPlace[] | null {
    return this.#hosts.inRegion(region) ?? (this.#options.isHostItself ? null : []);
  }

  async startEngine(plan: EnginePlan): Promise<void> {
    const { host } = plan;
    if (host === null) return await this.#local.startEngine(plan);
    await settleRemovals(this.#hosts.fileOf(host));
    if (plan.isEncrypted) await certifyEngine(this.#hosts, host, plan);
    const client = this.#hosts.clientOf(host);
    await client.call('engine-start', { plan: sent(plan) }, START_MS_MAX);
  }

  async removeEngine(runtime: string): Promise<void> {
    const host = await this.#options.hostOfRuntime(runtime);
    if (host === null) return await this.#local.removeEngine(runtime);
    await removeFromHost(this.#hosts.fileOf(host), { what: 'engine', runtime });
  }

  async flushEngine(plan: EnginePlan): Promise<void> {
    if (plan.host === null) return await this.#local.flushEngine(plan);
    await this.#hosts.clientOf(plan.host).call('engine-flush', { plan: sent(plan) });
  }

  async reconfigure(group: string | null, plan: EnginePlan): Promise<void> {
    if (group !== null || plan.host === null) return await this.#local.reconfigure(group, plan);
    await this.#hosts.clientOf(plan.host).call('engine-reconfigure', { plan: sent(plan) });
  }

  beginGroup = (group: string, plan: EnginePlan): Promise<void> =>
    this.#local.beginGroup(group, plan);
  joinGroup = (group: string, plan: EnginePlan): Promise<void> =>
    this.#local.joinGroup(group, plan);
  flushGroup = (group: string): Promise<void> => this.#local.flushGroup(group);
  relink = (group: string, plan: EnginePlan, attempt: Attempt): Promise<void> =>
    this.#local.relink(group, plan, attempt);
  unlink = (group: string, region: string, attempt: Attempt): Promise<void> =>
    this.#local.unlink(group, region, attempt);
  leaveGroup = (
    group: string,
    region: string,
    options: { lossless: boolean } & Attempt,
  ): Promise<void> => this.#local.leaveGroup(group, region, options);

  async endpointOf(group: string | null, plan: EnginePlan): Promise<EngineEndpoint> {
    if (group === null && plan.host !== null) throw engineElsewhere(plan.host);
    return await this.#local.endpointOf(group, plan);
  }

  settleWrites = (group: string, plan: EnginePlan): Promise<void> =>
    this.#local.settleWrites(group, plan);

  async restartEngine(plan: EnginePlan): Promise<void> {
    if (plan.host === null) return await this.#local.restartEngine(plan);
    await this.removeEngine(plan.runtime);
    await this.startEngine(plan);
  }

  async measure(group: string | null, plan: EnginePlan): Promise<Measured> {
    if (group !== null || plan.host === null) return await this.#local.measure(group, plan);
    const client = this.#hosts.clientOf(plan.host);
    const { info } = await client.call('engine-info', { plan: sent(plan) });
    return { info, isGeoHealthy: null };
  }

  async keep({ engines, groups }: Expected): Promise<void> {
    await this.#local.keep({ groups, engines: engines.filter(({ host }) => host === null) });
    for (const plan of engines) if (plan.host !== null) this.#keepOn(plan.host, plan);
  }

  /** A host keeps its engines running by itself: only one that it does not know of is started. */
  #keepOn(name: string, plan: EnginePlan): void {
    const host = this.#hosts.find(name);
    if (host === undefined || host.status === null || !host.isReachable) return;
    const backoff = this.#backoffs.get(plan.runtime) ?? new Backoff();
    this.#backoffs.set(plan.runtime, backoff);
    const isKnown = host.status.runtimes.includes(plan.runtime);
    if (!backoff.isDue(isKnown, performance.now())) return;
    this.startEngine(plan).catch((error: unknown) => {
      this.#options.onTrouble(`engine ${plan.runtime} on host ${name}`, error);
    });
  }
}

function sent(plan: EnginePlan): CallBody<'engine-start'>['plan'] {
  const users = plan.users.map(({ name, digests, rules }) => ({
    ...{ name, digests: [...digests] },
    rules: rules === null ? null : [...rules],
  }));
  return { ...plan, modules: [...plan.modules], digests: [...plan.digests], users };
}
