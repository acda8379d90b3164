// What handlers share: the state, who runs things, and what is asked of them again and again.

import type { DataPlaces } from '../data/places.ts';
import type { Hosting } from '../hosting/hosting.ts';
import type { HostRegistry } from '../hosts/host-registry.ts';
import type { Tokens } from '../identity/tokens.ts';
import { ArmError } from '../model/arm-error.ts';
import { groupId, keyOf } from '../model/resource-id.ts';
import type { PlanSettings } from '../operations/plans.ts';
import type { OperationRunner } from '../operations/runner.ts';
import { checkFree, insertOperation, type NewOperation } from '../store/operations.ts';
import type { Change, Db, Store } from '../store/store.ts';
import type { Begun } from './long-running.ts';
import type { ApiRequest } from './route.ts';
import { parameter } from './route.ts';

export interface ApiParts {
  readonly store: Store;
  readonly hosting: Hosting;
  readonly runner: OperationRunner;
  readonly plans: PlanSettings;
  readonly tokens: Tokens;
  readonly places: DataPlaces;
  readonly hosts: HostRegistry;
}

/** What an engine and a replicator need beside the data, roughly. */
const ENGINE_BYTES = 16 * 1024 * 1024;
const REPLICATOR_BYTES = 96 * 1024 * 1024;

export interface Need {
  readonly region: string;
  /** Where it is, or is going to be; null: on this machine. */
  readonly host: string | null;
  readonly memoryBytes: number;
  readonly isReplicated: boolean;
}

/** What will be charged for it. */
export function chargedBytes({
  memoryBytes,
  isReplicated,
}: Pick<Need, 'memoryBytes' | 'isReplicated'>): number {
  return memoryBytes + ENGINE_BYTES + (isReplicated ? REPLICATOR_BYTES : 0);
}

/** Throws ArmError when there is no room for another engine. */
export async function checkCapacity(db: Db, hosting: Hosting, need: Need): Promise<void> {
  const rows = await db
    .selectFrom('resources')
    .select(['hosting', 'geo_group'])
    .where('type', 'in', ['database', 'cache'])
    .execute();
  let usedBytes = 0;
  for (const { hosting: runs, geo_group } of rows) {
    if (placeOf(runs) !== need.host) continue;
    const memoryBytes = 'memoryBytes' in runs ? Number(runs.memoryBytes) : 0;
    usedBytes += chargedBytes({ memoryBytes, isReplicated: geo_group !== null });
  }
  const capacityBytes = hosting.capacityBytes(need.host);
  const neededBytes = chargedBytes(need);
  if (usedBytes + neededBytes <= capacityBytes) return;
  const [needed, free, all] = [neededBytes, capacityBytes - usedBytes, capacityBytes].map(
    mebibytes,
  );
  throw new ArmError(
    409,
    'CapacityExceeded',
    `There is no host with room for it in ${need.region}: it needs ${needed} MiB, and of ${all} MiB ${free} MiB are free. Delete what is not used, choose a smaller SKU, or give the hosts more memory.`,
    { target: 'sku' },
  );
}

/** As it is stored of a resource. */
export function placeOf(hosting: object): string | null {
  return 'host' in hosting && typeof hosting.host === 'string' ? hosting.host : null;
}

export function mebibytes(bytes: number): number {
  return Math.max(0, Math.floor(bytes / 1024 / 1024));
}

/** Writes the operation down; `begin` the runner once the change is through. */
export async function newOperation(
  change: Change,
  operation: Omit<NewOperation, 'principal'>,
  request: ApiRequest,
): Promise<Begun> {
  const id = await insertOperation(change, { ...operation, principal: request.caller.objectId });
  return { id, targetId: operation.targetId, location: operation.location };
}

export function notRunning(id: string): ArmError {
  return new ArmError(409, 'ResourceNotReady', `Nothing runs for '${id}'.`, { target: id });
}

/** Keys that let nobody in are neither shown nor renewed. */
export function keysAreOff(id: string): ArmError {
  return new ArmError(
    400,
    'AccessKeysDisabled',
    `Access keys are switched off for '${id}': clients sign in with tokens (access policy assignments).`,
    { target: id },
  );
}

export function pathOf(request: ApiRequest) {
  return {
    subscription: parameter(request, 'subscription'),
    resourceGroup: parameter(request, 'resourceGroup'),
  };
}

/** The resource group that a request names, with its name as it is written. Throws ArmError 404. */
export async function existingGroupOf(
  db: Db,
  request: ApiRequest,
): Promise<{ subscription: string; resourceGroup: string; key: string }> {
  const path = pathOf(request);
  const key = keyOf(groupId(path));
  const found = await db
    .selectFrom('resource_groups')
    .select('name')
    .where('key', '=', key)
    .executeTakeFirst();
  if (found !== undefined) return { ...path, resourceGroup: found.name, key };
  throw new ArmError(
    404,
    'ResourceGroupNotFound',
    `Resource group '${path.resourceGroup}' could not be found.`,
    { target: groupId(path) },
  );
}

/** The same for what is created in it: it must not be on its way out. */
export async function groupForCreation(change: Change, request: ApiRequest) {
  const group = await existingGroupOf(change, request);
  await checkFree(change, [group.key]);
  return group;
}
