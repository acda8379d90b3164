// Other machines on which engines and replicators can run, as hosting needs them.

import { OperatorError } from '../../base/errors.ts';
import type { HostClient } from '../../group/host-client.ts';
import type { EnginePlan } from './hosting.ts';

/** A host as placement sees it. */
export interface HostPlace {
  readonly name: string;
  readonly address: string;
  /** For engines and replicators. */
  readonly memoryBytes: number;
  /** It answered a moment ago. */
  readonly isReachable: boolean;
  /** By the names of the API. */
  readonly modules: readonly string[];
}

export interface KnownHost extends HostPlace {
  /** What it said last; null: nothing yet, or not for some time. */
  readonly status: { readonly runtimes: readonly string[] } | null;
}

export interface Hosts {
  /** Null: there are none in this region. */
  inRegion(region: string): HostPlace[] | null;
  find(name: string): KnownHost | undefined;
  /** The file that says how it is reached. */
  fileOf(name: string): string;
  clientOf(name: string): HostClient;
  /** Lets the host make a key, and gives it a certificate of the local CA. */
  certify(
    name: string,
    certificate: string,
    hosts: { readonly names: readonly string[]; readonly addresses: readonly string[] },
  ): Promise<void>;
}

/** What an engine on a host shows to its clients: a certificate for its name and address. */
export async function certifyEngine(hosts: Hosts, host: string, plan: EnginePlan): Promise<void> {
  const { runtime, hostName, address } = plan;
  const names = hostName === address ? [] : [hostName];
  await hosts.certify(host, runtime, { names, addresses: [address] });
}

/** What a group of members on this machine and on hosts would be: neither could reach the other. */
export function mixedPlaces(): OperatorError {
  return new OperatorError(
    'PLACES_MIXED',
    'the members of a group are all on the machine of the control plane, or all on hosts',
    'Enrol hosts in all regions of the group; `atoll host` can also run beside the control plane.',
  );
}
