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
  /** Others who may use it, under names of their own. */
  readonly named?: readonly NamedUser[] | undefined;
}

export interface NamedUser {
  readonly name: string;
  /** SHA-256 of passwords. */
  readonly digests: readonly string[];
  /** What it may do, in the engine's words; null: what clients may. What clients may not, it may not either. */
  readonly rules: readonly string[] | null;
}

/** `none`: every command but those for connections themselves (AUTH, HELLO, PING ...) is refused with NOPERM. */
export type ClientAccess = 'all' | 'none';

/** The rules of the clients' user; digests, never passwords. */
export function clientRules(users: EngineUsers, access: ClientAccess): string[] {
  const secret = secretRules(users);
  return [...secret, ...(access === 'none' ? NOTHING_ALLOWED : allowedRules(users))];
}

const NOTHING_ALLOWED = ['-@all', '+@connection', '-client'];

/** The rules of a user with a name of its own. */
export function namedRules(users: EngineUsers, user: NamedUser, access: ClientAccess): string[] {
  const secret = ['on', ...user.digests.map((one) => `#${one}`)];
  if (access === 'none') return [...secret, ...NOTHING_ALLOWED];
  return [
    ...secret,
    ...(user.rules === null ? allowedRules(users) : boundRules(users, user.rules)),
  ];
}

/** What is dangerous in the engine's eyes and allowed to clients all the same has to be asked for by name. */
function boundRules(users: EngineUsers, rules: readonly string[]): string[] {
  const harmless = new Set([...ALLOWED_ALL_THE_SAME.map(inRule), ...exceptions()]);
  if (users.isAlone === true) for (const name of ['flushall', 'flushdb']) harmless.add(name);
  const last = new Map<string, string>();
  for (const rule of rules) last.set(rule.slice(1).toLowerCase(), rule[0] ?? '');
  const asked = [...harmless].filter((name) => last.get(name) === '+');
  const denied = deniedRules().filter((rule) => rule.startsWith('-'));
  return [...rules, '-@admin', '-@dangerous', ...denied, ...asked.map((name) => `+${name}`)];
}

function exceptions(): string[] {
  return DENIED_ROWS.flatMap(({ names, denied }) =>
    names.flatMap((name) => (denied.except ?? []).map((sub) => inRule(`${name} ${sub}`))),
  );
}

function allowedRules(users: EngineUsers): string[] {
  return [
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

/** Those who may do what clients may, no less. */
export function unboundUsers({ named = [] }: EngineUsers): string[] {
  return [CLIENT_USER, ...named.filter(({ rules }) => rules === null).map(({ name }) => name)];
}

/** The text of users.acl. `clients`: what they may do from the start. */
export function renderEngineUsers(users: EngineUsers, clients: ClientAccess = 'all'): string {
  return [
    `user ${CLIENT_USER} ${clientRules(users, clients).join(' ')}`,
    ...(users.named ?? []).map(
      (user) => `user ${user.name} ${namedRules(users, user, clients).join(' ')}`,
    ),
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
