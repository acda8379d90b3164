// What somebody should look at before they destroy something: where they are, and what it is.

import { ENTERPRISE_VERSION } from './api-versions.ts';
import { ArmFailure } from './failure.ts';
import { listAt, textAt } from './json.ts';
import type { Session } from './session.ts';
import type { Target } from './targets.ts';

export async function contextOf(session: Session, target: Target): Promise<string[]> {
  const { account, subscription } = session;
  const facts: [string, string][] = [
    ['control plane', account.url],
    ['tenant', account.tenant],
    ['subscription', subscription],
    ['resource group', target.resourceGroup],
    ...(target.kind === 'group' ? [] : ([[target.kind, target.name]] as [string, string][])),
    ...(await enterpriseFacts(session, target)),
  ];
  return facts
    .filter(([, value]) => value !== '')
    .map(([name, value]) => `  ${name.padEnd(15)} ${value}`);
}

/** Nothing where it cannot be read: whether the change is allowed is another question. */
async function enterpriseFacts(
  { client }: Session,
  { kind, clusterId }: Target,
): Promise<[string, string][]> {
  if (kind !== 'cluster' && kind !== 'database') return [];
  try {
    const cluster = await client.get(clusterId, ENTERPRISE_VERSION);
    const [database] = await client.list(`${clusterId}/databases`, ENTERPRISE_VERSION);
    const geo = ['properties', 'geoReplication'];
    const members = listAt(database, ...geo, 'linkedDatabases').map((one) => textAt(one, 'id'));
    return [
      ['region', textAt(cluster, 'location')],
      ['tier', textAt(cluster, 'sku', 'name')],
      ['geo group', textAt(database, ...geo, 'groupNickname')],
      ...members.map((id): [string, string] => ['member', id]),
    ];
  } catch (error) {
    if (error instanceof ArmFailure) return [];
    throw error;
  }
}
