// Scopes at which rights are given: everything, a subscription, a resource group, or a resource. Paths of what is
// found at each of them begin with the scope.

import { ArmError, notFound } from '../model/arm-error.ts';
import { keyOf } from '../model/resource-id.ts';
import type { Db } from '../store/store.ts';

const GROUP = '/subscriptions/:subscription/resourceGroups/:resourceGroup';
const CLUSTER = `${GROUP}/providers/Microsoft.Cache/redisEnterprise/:cluster`;

export interface ScopeKind {
  /** Ends the id of an operation. */
  readonly name: string;
  /** What paths begin with. */
  readonly path: string;
}

export const SCOPES: readonly ScopeKind[] = [
  { name: '', path: '' },
  { name: 'ForSubscription', path: '/subscriptions/:subscription' },
  { name: 'ForResourceGroup', path: GROUP },
  { name: 'ForCluster', path: CLUSTER },
  { name: 'ForDatabase', path: `${CLUSTER}/databases/:database` },
  { name: 'ForCache', path: `${GROUP}/providers/Microsoft.Cache/redis/:cache` },
];

/** Throws ArmError 404 when there is nothing there to have rights at. */
export async function checkScopeExists(db: Db, scope: string): Promise<void> {
  const key = keyOf(scope);
  const [, , subscription, , resourceGroup, , ...rest] = key.split('/');
  if (subscription === undefined || resourceGroup === undefined) return;
  const table = rest.length === 0 ? 'resource_groups' : 'resources';
  const found = await db.selectFrom(table).select('key').where('key', '=', key).executeTakeFirst();
  if (found !== undefined) return;
  if (rest.length > 0) throw notFound(scope);
  const message = `Resource group '${resourceGroup}' could not be found.`;
  throw new ArmError(404, 'ResourceGroupNotFound', message, { target: scope });
}
