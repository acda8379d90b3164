// What clients of an engine may do at the moment: everything that users.acl allows them, no writes, or
// nothing. Takes effect at once, also for clients that are connected, and is gone when the engine restarts.

import { ALLOWED_WHERE_KNOWN } from '../commands/server.ts';
import { CLIENT_USER, type ClientAccess, clientRules, type EngineUsers } from './acl.ts';
import { allowWhereKnown } from './allow-known.ts';
import { connectEngine, type EngineEndpoint } from './client.ts';

/** Clients may only read from now on, until the engine restarts or `setClientAccess` says otherwise. */
export async function refuseWrites(endpoint: EngineEndpoint): Promise<void> {
  const admin = await connectEngine(endpoint);
  try {
    await admin.call('ACL', 'SETUSER', CLIENT_USER, '-@write');
  } finally {
    admin.disconnect();
  }
}

/** `endpoint` with the replicator's user. */
export async function setClientAccess(
  endpoint: EngineEndpoint,
  users: EngineUsers,
  access: ClientAccess,
): Promise<void> {
  const admin = await connectEngine(endpoint);
  try {
    await admin.call('ACL', 'SETUSER', CLIENT_USER, 'reset', ...clientRules(users, access));
  } finally {
    admin.disconnect();
  }
  if (access !== 'none') await allowWhereKnown(endpoint, ALLOWED_WHERE_KNOWN);
}
