// This machine hosts every region: engines on addresses of loopback of their own, so that each cache can have the
// port that it asks for.

import { mkdirSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { OperatorError } from '../../base/errors.ts';
import type { EngineEndpoint } from '../../engine/client.ts';
import { findModules } from '../../engine/modules.ts';
import type { EngineTls } from '../../engine/settings.ts';
import type { GroupAuthority } from '../../group/authority.ts';
import { Backoff } from '../../group/backoff.ts';
import { engineInfo } from '../../group/engine-work.ts';
import type { Attempt, EnginePlan, Expected, Hosting, Measured } from './hosting.ts';
import type { Hosts } from './hosts.ts';
import { type GroupLinks, LocalGroups } from './local-groups.ts';
import { measureMember } from './local-measuring.ts';
import { type EngineFiles, LoneEngines } from './lone-engines.ts';

export interface LocalHostingOptions {
  readonly dir: string;
  /** Signs the certificates that engines show to clients. */
  readonly authority: GroupAuthority;
  readonly engine?: string | undefined;
  /** Files of modules by the names of the API. */
  readonly modules: Readonly<Record<string, string>>;
  /** Of which some may run members of groups. */
  readonly hosts?: Hosts;
  /** For all engines and replicators; default: 60% of what the machine has. */
  readonly memoryBytes?: number | undefined;
  readonly links?: GroupLinks | undefined;
  /** Told what could not be kept running. */
  readonly onTrouble: (what: string, error: unknown) => void;
}

export class LocalHosting implements Hosting, EngineFiles {
  readonly #options: LocalHostingOptions;
  readonly #lone: LoneEngines;
  readonly #groups: LocalGroups;
  readonly #backoffs = new Map<string, Backoff>();

  constructor(options: LocalHostingOptions) {
    this.#options = options;
    for (const folder of ['engines', 'groups']) {
      mkdirSync(join(options.dir, folder), { recursive: true, mode: 0o700 });
    }
    this.#lone = new LoneEngines(join(options.dir, 'engines'), options.engine, this);
    const { engine, links = {}, hosts = null } = options;
    const root = join(options.dir, 'groups');
    this.#groups = new LocalGroups({ root, engine, links, hosts }, this);
  }

  modulesOn(): readonly string[] {
    return Object.keys(this.#options.modules);
  }

  /** This machine hosts every region. */
  placesIn(): null {
    return null;
  }

  capacityBytes(): number {
    return this.#options.memoryBytes ?? Math.floor(totalmem() * 0.6);
  }

  /** Where the group's files are, for those who look into it. */
  groupDir(group: string): string {
    return this.#groups.dirOf(group);
  }

  async tlsOf(plan: EnginePlan): Promise<Omit<EngineTls, 'port'>> {
    return await this.#options.authority.issue(plan.runtime, {
      names: [...new Set([plan.hostName, 'localhost'])].filter((name) => name !== plan.address),
      addresses: [plan.address],
    });
  }

  modulePaths(names: readonly string[]): string[] {
    return findModules(
      names.map((name) => {
        const path = this.#options.modules[name];
        if (path !== undefined) return path;
        throw new OperatorError(
          'MODULE_NOT_FOUND',
          `module ${name} is not on this machine`,
          `Start the control plane with --module ${name}=FILE.`,
        );
      }),
    );
  }

  startEngine = (plan: EnginePlan): Promise<void> => this.#lone.start(plan);
  removeEngine = (runtime: string): Promise<void> => this.#lone.remove(runtime);
  flushEngine = (plan: EnginePlan): Promise<void> => this.#lone.flush(plan);

  beginGroup = (group: string, plan: EnginePlan): Promise<void> => this.#groups.begin(group, plan);
  joinGroup = (group: string, plan: EnginePlan): Promise<void> => this.#groups.join(group, plan);
  flushGroup = (group: string): Promise<void> => this.#groups.flush(group);

  async relink(group: string, plan: EnginePlan, attempt: Attempt): Promise<void> {
    await this.#groups.relink(group, plan, attempt);
  }

  async leaveGroup(
    group: string,
    region: string,
    options: { lossless: boolean } & Attempt,
  ): Promise<void> {
    await this.#groups.leave(group, region, options);
  }

  async unlink(group: string, region: string, attempt: Attempt): Promise<void> {
    await this.#groups.unlink(group, region, attempt);
  }

  async reconfigure(group: string | null, plan: EnginePlan): Promise<void> {
    if (group === null) await this.#lone.reconfigure(plan);
    else await this.#groups.reconfigure(group, plan);
  }

  endpointOf(group: string | null, plan: EnginePlan): Promise<EngineEndpoint> {
    return Promise.resolve(
      group === null ? this.#lone.endpoint(plan) : this.#groups.endpointOf(group, plan.region),
    );
  }

  settleWrites = (group: string, plan: EnginePlan): Promise<void> =>
    this.#groups.settle(group, plan.region);
  restartEngine = (plan: EnginePlan): Promise<void> => this.#lone.restart(plan);

  async measure(group: string | null, plan: EnginePlan): Promise<Measured> {
    if (group !== null) return await measureMember(this.#groups.dirOf(group), plan.region);
    return { info: await engineInfo(this.#lone.endpoint(plan)), isGeoHealthy: null };
  }

  async keep({ engines, groups }: Expected): Promise<void> {
    for (const group of groups) this.#groups.keepSupervised(group);
    for (const plan of engines) {
      const backoff = this.#backoffs.get(plan.runtime) ?? new Backoff();
      this.#backoffs.set(plan.runtime, backoff);
      if (!backoff.isDue(this.#lone.isRunning(plan.runtime), performance.now())) continue;
      try {
        await this.#lone.start(plan);
      } catch (error) {
        this.#options.onTrouble(`engine ${plan.runtime}`, error);
      }
    }
  }
}
