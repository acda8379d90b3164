// What clients of an engine may do at the moment: everything that users.acl allows them, no writes, or
// nothing. Takes effect at once, also for clients that are connected, and is gone when the engine restarts.

import type { Redis } from 'ioredis';
import { ALLOWED_WHERE_KNOWN } from '../commands/server.ts';
import {
  CLIENT_USER,
  type ClientAccess,
  clientRules,
  type EngineUsers,
  namedRules,
  REPLICATOR_USER,
  unboundUsers,
} from './acl.ts';
import { allowWhereKnown } from './allow-known.ts';
import { connectEngine, type EngineEndpoint } from './client.ts';

/** Clients may only read from now on, until the engine restarts or `setClientAccess` says otherwise. */
export async function refuseWrites(endpoint: EngineEndpoint): Promise<void> {
  const admin = await connectEngine(endpoint);
  try {
    for (const user of await clientsOf(admin)) await admin.call('ACL', 'SETUSER', user, '-@write');
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
  const named = users.named ?? [];
  const admin = await connectEngine(endpoint);
  try {
    const wasOn = await isOn(admin, CLIENT_USER);
    for (const user of named) {
      const rules = namedRules(users, user, access);
      await admin.call('ACL', 'SETUSER', user.name, 'reset', ...rules);
    }
    await admin.call('ACL', 'SETUSER', CLIENT_USER, 'reset', ...clientRules(users, access));
    // Whoever is not known any more is cut off, and so is everybody with a key when there are none any more.
    const there = users.named === undefined ? [] : await clientsOf(admin);
    for (const name of there) {
      const isKnown = name === CLIENT_USER || named.some((user) => user.name === name);
      if (!isKnown) await admin.call('ACL', 'DELUSER', name);
    }
    if (wasOn && !(await isOn(admin, CLIENT_USER))) {
      await admin.call('CLIENT', 'KILL', 'USER', CLIENT_USER);
    }
  } finally {
    admin.disconnect();
  }
  if (access !== 'none') await allowWhereKnown(endpoint, ALLOWED_WHERE_KNOWN, unboundUsers(users));
}

async function clientsOf(admin: Redis): Promise<string[]> {
  const names: unknown = await admin.call('ACL', 'USERS');
  const all = Array.isArray(names) ? names.map(String) : [];
  return all.filter((name) => name !== REPLICATOR_USER);
}

async function isOn(admin: Redis, user: string): Promise<boolean> {
  const answer: unknown = await admin.call('ACL', 'GETUSER', user);
  const [, flags] = Array.isArray(answer) ? answer : [];
  return Array.isArray(flags) && flags.includes('on');
}
