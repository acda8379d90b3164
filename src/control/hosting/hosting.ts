// What the control plane asks of whoever runs engines and replicators. Every method brings about a state and may be
// called again, also when an earlier call was cut short: it then finishes what that one began.

import { OperatorError } from '../../base/errors.ts';
import type { NamedUser } from '../../engine/acl.ts';
import type { EngineEndpoint } from '../../engine/client.ts';
import type { EnginePersistence } from '../../engine/settings.ts';
import type { HostPlace } from './hosts.ts';

/** An engine as it is to run. */
export interface EnginePlan {
  /** Names its folder and its certificate; never given twice. */
  readonly runtime: string;
  readonly region: string;
  /** On which machine; null: on that of the control plane. */
  readonly host: string | null;
  /** On which it listens. */
  readonly address: string;
  /** Under which clients know it. */
  readonly hostName: string;
  /** For clients. */
  readonly port: number;
  readonly isEncrypted: boolean;
  /** Where clients may connect without TLS besides; null: nowhere. Only of an engine that is in no group. */
  readonly plainPort: number | null;
  readonly memoryBytes: number;
  /** As the engine calls it. */
  readonly maxmemoryPolicy: string;
  /** By the names of the API. */
  readonly modules: readonly string[];
  /** SHA-256 of the passwords that clients may use; none: nobody gets in. */
  readonly digests: readonly string[];
  /** Clients who sign in under names of their own, with tokens. */
  readonly users: readonly NamedUser[];
  /** Only of an engine that is in no group. */
  readonly persistence: EnginePersistence;
}

/** Attempt: whether the same call may have been begun before. */
export interface Attempt {
  readonly isAgain: boolean;
}

/** What an engine and its replicator say of themselves. */
export interface Measured {
  /** INFO with all sections; null: the engine cannot be asked. */
  readonly info: string | null;
  /** It takes part in its group and reaches every other member; null: it is in none. */
  readonly isGeoHealthy: boolean | null;
}

/** What is not possible for engines on hosts. */
export function engineElsewhere(host: string): OperatorError {
  return new OperatorError(
    'ENGINE_ON_HOST',
    `the engine runs on the host "${host}", and is reached there only`,
    'Connect as one of its clients; data of engines on hosts is neither exported nor imported.',
  );
}

export interface Hosting {
  /** Memory for engines and replicators, on a host or (null) on this machine. */
  capacityBytes(host: string | null): number;
  /** Modules that engines there can load, by the names of the API. */
  modulesOn(host: string | null): readonly string[];
  /** Hosts on which something new can be placed; null: this machine hosts the region. */
  placesIn(region: string): readonly HostPlace[] | null;

  /** An engine of its own runs. */
  startEngine(plan: EnginePlan): Promise<void>;
  /** It does not run, and nothing is left of it. */
  removeEngine(runtime: string): Promise<void>;
  flushEngine(plan: EnginePlan): Promise<void>;

  /** The group runs, with this as its only member. */
  beginGroup(group: string, plan: EnginePlan): Promise<void>;
  /** This is a member of the group, and has all its data. */
  joinGroup(group: string, plan: EnginePlan): Promise<void>;
  /** The same of one that was unlinked, or is a member: it is wiped first. */
  relink(group: string, plan: EnginePlan, attempt: Attempt): Promise<void>;
  /** Nothing of the member in this region is left. `lossless`: what it wrote is everywhere first. */
  leaveGroup(
    group: string,
    region: string,
    options: { lossless: boolean } & Attempt,
  ): Promise<void>;
  /** The others do without the member in this region, whose processes go on. */
  unlink(group: string, region: string, attempt: Attempt): Promise<void>;
  /** What the group held is gone in every member. */
  flushGroup(group: string): Promise<void>;

  /** Changes what can be changed while it runs: passwords, memory, eviction. `group`: the one it is a member of. */
  reconfigure(group: string | null, plan: EnginePlan): Promise<void>;

  /** Where this process reaches the engine, as a user who may do everything. */
  endpointOf(group: string | null, plan: EnginePlan): Promise<EngineEndpoint>;
  /** Returns when what clients have written by now is in the log of this member. */
  settleWrites(group: string, plan: EnginePlan): Promise<void>;
  /** The engine, which is in no group, ends and starts again. What it does not keep on disk is gone. */
  restartEngine(plan: EnginePlan): Promise<void>;
  /** `group`: the one it is a member of. */
  measure(group: string | null, plan: EnginePlan): Promise<Measured>;

  /** What is to run: anything of it that does not is started. */
  keep(expected: Expected): Promise<void>;
}

export interface Expected {
  readonly engines: readonly EnginePlan[];
  readonly groups: readonly string[];
}
