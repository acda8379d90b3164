// The users of an engine that belongs to a group, as the text of its ACL file.
//
// Clients are `default`: every data command, but nothing that would change data behind the
// replication stream, break the stream, or change the role or the settings of the engine. The
// engine's own categories of administrative and of dangerous commands are denied as a whole, so that
// commands of later versions are denied until someone has thought about them; what is harmless in
// them is allowed again by name. The replicator has a user of its own that may do everything.
//
// What is denied and what is allowed stands in the registry (src/commands), from which
// docs/semantics.md is written too.

import { createHash } from 'node:crypto';
import { DENIED_ROWS } from '../commands/registry.ts';
import { ALLOWED_ALL_THE_SAME } from '../commands/server.ts';

export const CLIENT_USER = 'default';
export const REPLICATOR_USER = 'atoll-replicator';

export interface EngineUsers {
  /** null: clients need no password (groups on this machine only). */
  readonly clientPassword: string | null;
  readonly replicatorPassword: string;
  /** SHA-256 of the passwords that clients may use, in place of `clientPassword`; none: nobody gets in. */
  readonly clientDigests?: readonly string[] | undefined;
  /** It is in no group: its clients may empty it. */
  readonly isAlone?: boolean;
}

/** `none`: every command but those for connections themselves (AUTH, HELLO, PING ...) is refused with NOPERM. */
export type ClientAccess = 'all' | 'none';

/** The rules of the clients' user; digests, never passwords. */
export function clientRules(users: EngineUsers, access: ClientAccess): string[] {
  const secret = secretRules(users);
  if (access === 'none') return [...secret, '-@all', '+@connection', '-client'];
  return [
    ...secret,
    '~*',
    '&*',
    '+@all',
    '-@admin',
    '-@dangerous',
    ...ALLOWED_ALL_THE_SAME.map((name) => `+${inRule(name)}`),
    ...deniedRules(),
    ...(users.isAlone === true ? ['+flushall', '+flushdb'] : []),
  ];
}

function secretRules({ clientPassword, clientDigests }: EngineUsers): string[] {
  if (clientDigests !== undefined) {
    return clientDigests.length === 0 ? ['off'] : ['on', ...clientDigests.map((one) => `#${one}`)];
  }
  return ['on', clientPassword === null ? 'nopass' : digestRule(clientPassword)];
}

/** The text of users.acl. `clients`: what they may do from the start. */
export function renderEngineUsers(users: EngineUsers, clients: ClientAccess = 'all'): string {
  return [
    `user ${CLIENT_USER} ${clientRules(users, clients).join(' ')}`,
    `user ${REPLICATOR_USER} on ${digestRule(users.replicatorPassword)} ~* &* +@all`,
    '',
  ].join('\n');
}

/** A rule that names a command which the engine does not know keeps it from starting: those that only some
 * engines have are left to the categories. */
function deniedRules(): string[] {
  return DENIED_ROWS.filter((row) => row.since === undefined).flatMap(({ names, denied }) =>
    names.flatMap((name) => [
      `-${inRule(name)}`,
      ...(denied.except ?? []).map((subcommand) => `+${inRule(`${name} ${subcommand}`)}`),
    ]),
  );
}

function inRule(name: string): string {
  return name.toLowerCase().replace(' ', '|');
}

function digestRule(password: string): string {
  return `#${passwordDigest(password)}`;
}

/** As `clientDigests` has it. */
export function passwordDigest(password: string): string {
  return createHash('sha256').update(password).digest('hex');
}
