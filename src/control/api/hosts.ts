// Hosts: machines on which caches run. This part of the API is Atoll's own; it stands beside that of Azure, with the
// same rights, errors and log.

import { z } from 'zod';
import { hostServerName } from '../../group/host-protocol.ts';
import type { HostRegistry, HostView } from '../hosts/host-registry.ts';
import { makeHostToken } from '../hosts/host-token.ts';
import { placedOn } from '../hosts/inventory.ts';
import { ArmError } from '../model/arm-error.ts';
import { displayName, locationNamed } from '../model/locations.ts';
import type { Db, Store } from '../store/store.ts';
import type { ApiParts } from './parts.ts';
import { ok, parameter, type Route, route, routeWithBody } from './route.ts';

const MINUTE_MS = 60_000;
const LIFETIME_MINUTES_MAX = 7 * 24 * 60;

const tokenBody = z.object({
  location: z.string().max(100),
  lifetimeMinutes: z.number().min(1).max(LIFETIME_MINUTES_MAX).default(60),
});

export function hostRoutes({ store, hosts, plans }: ApiParts): Route[] {
  return [
    route({
      method: 'GET',
      path: '/hosts',
      operationId: 'Hosts_List',
      summary: 'All hosts, with what runs on each.',
      action: 'Atoll/hosts/read',
      handle: async () => {
        const views = await Promise.all(hosts.all().map((host) => hostView(store.db, host)));
        return ok({ value: views });
      },
    }),
    route({
      method: 'GET',
      path: '/hosts/:host',
      operationId: 'Hosts_Get',
      summary: 'A host.',
      action: 'Atoll/hosts/read',
      handle: async (request) =>
        ok(await hostView(store.db, existingHost(hosts, parameter(request, 'host')))),
    }),
    routeWithBody({
      method: 'POST',
      path: '/hosts/tokens',
      operationId: 'Hosts_CreateToken',
      summary: 'A token with which one machine becomes a host of a region, once.',
      // Whoever brings a host gets at what runs there: this is giving rights.
      action: 'Microsoft.Authorization/hostTokens/write',
      body: tokenBody,
      handle: async (_request, { location, lifetimeMinutes }) => {
        const nowMs = Date.now();
        const lifetimeMs = lifetimeMinutes * MINUTE_MS;
        const region = locationNamed(location);
        const { pem: authority } = hosts.authority;
        const token = makeHostToken(plans.sealer, { region, lifetimeMs, nowMs, authority });
        return ok({ token, expiresOn: new Date(nowMs + lifetimeMs).toISOString() });
      },
    }),
    route({
      method: 'DELETE',
      path: '/hosts/:host',
      operationId: 'Hosts_Delete',
      summary:
        'Forgets a host on which nothing runs; with force=true also one that is lost, and what ran there with it.',
      action: 'Atoll/hosts/delete',
      isDestructive: true,
      handle: async (request) => {
        const host = existingHost(hosts, parameter(request, 'host'));
        await checkForgettable(store, host, request.query.force === 'true');
        await hosts.forget(host.name);
        return { status: 200 };
      },
    }),
  ];
}

function existingHost(hosts: HostRegistry, name: string): HostView {
  const found = hosts.find(name.toLowerCase());
  if (found !== undefined) return found;
  throw new ArmError(404, 'HostNotFound', `There is no host '${name}'.`, { target: name });
}

async function checkForgettable(store: Store, host: HostView, isForced: boolean): Promise<void> {
  const placed = await placedOn(store.db, host.name);
  if (placed.length === 0) return;
  if (isForced && !host.isReachable) return;
  const why = host.isReachable
    ? 'Delete these first; a host that answers is not forgotten with what it runs.'
    : 'With force=true they count as gone: members can then be deleted or linked again.';
  const message = `On host '${host.name}' are ${placed.join(', ')}. ${why}`;
  throw new ArmError(409, 'HostInUse', message, { target: host.name });
}

async function hostView(db: Db, host: HostView): Promise<object> {
  return {
    name: host.name,
    location: displayName(host.region),
    address: host.address,
    port: host.port,
    serverName: hostServerName(host.name),
    state: host.isReachable ? 'Ready' : 'Lost',
    memoryBytes: host.memoryBytes,
    engineVersion: host.engineVersion,
    modules: host.modules,
    enrolledOn: new Date(host.enrolledMs).toISOString(),
    lastSeenOn: new Date(host.lastSeenMs).toISOString(),
    resources: await placedOn(db, host.name),
  };
}
