// The users of an engine that belongs to a group, as the text of its ACL file.
//
// Clients are `default`: every data command, but nothing that would change data behind the
// replication stream, break the stream, or change the role or the settings of the engine. The
// engine's own category of administrative commands is denied as a whole, so that commands of later
// versions are denied until someone has thought about them; what is harmless in it is allowed again
// by name. The replicator has a user of its own that may do everything.

import { createHash } from 'node:crypto';

export const CLIENT_USER = 'default';
export const REPLICATOR_USER = 'atoll-replicator';

export interface DeniedCommand {
  readonly command: string;
  /** Subcommands that stay allowed; without it the whole command is denied. */
  readonly except?: readonly string[];
  readonly reason: string;
}

const FLUSH = 'would empty one region only; flushing is an operation on the whole group';
const ROLE = 'would take the engine out of its role as a primary of its group';
const STREAM = 'would read the replication stream or interfere with the replicator';
const DISK = 'engines in a group keep nothing on disk; saving blocks or forks the engine';
const CLUSTER = 'slots and nodes are managed by the group';

/** What clients of a grouped engine may not do, and why. */
export const DENIED_COMMANDS: readonly DeniedCommand[] = [
  { command: 'flushall', reason: FLUSH },
  { command: 'flushdb', reason: FLUSH },
  { command: 'swapdb', reason: 'would swap data without a trace of the keys in the stream' },
  { command: 'replicaof', reason: ROLE },
  { command: 'slaveof', reason: ROLE },
  { command: 'failover', reason: ROLE },
  { command: 'psync', reason: STREAM },
  { command: 'sync', reason: STREAM },
  { command: 'replconf', reason: STREAM },
  {
    command: 'config',
    except: ['get', 'help'],
    reason: 'persistence, backlog and users of the engine are set by the group',
  },
  { command: 'debug', reason: 'can crash, stall or silently change the engine' },
  { command: 'shutdown', reason: 'engines are started and stopped by the group' },
  { command: 'module', reason: 'runs foreign code in the engine; modules are set at creation' },
  { command: 'acl', reason: 'users and access keys are managed by the group' },
  { command: 'save', reason: DISK },
  { command: 'bgsave', reason: DISK },
  { command: 'bgrewriteaof', reason: DISK },
  { command: 'migrate', reason: 'would move keys to a server outside the group' },
  { command: 'restore-asking', reason: CLUSTER },
  {
    command: 'cluster',
    except: ['info', 'nodes', 'slots', 'shards', 'myid', 'keyslot', 'countkeysinslot', 'help'],
    reason: CLUSTER,
  },
  { command: 'pfdebug', reason: 'rewrites a value in place without a rule to replicate it' },
  { command: 'pfselftest', reason: 'blocks the engine' },
];

/** Administrative by the engine's own categories, harmless to a group: they observe, or steer connections. */
const ALLOWED_ADMIN_COMMANDS = ['client', 'latency', 'slowlog', 'monitor', 'role', 'lastsave'];

/** Subcommands denied inside commands that are otherwise allowed. */
const DENIED_SUBCOMMANDS = ['script|debug'];

export interface EngineUsers {
  /** null: clients need no password (groups on this machine only). */
  readonly clientPassword: string | null;
  readonly replicatorPassword: string;
}

/** The text of users.acl; holds digests, never passwords. */
export function renderEngineUsers(users: EngineUsers): string {
  const secret = users.clientPassword === null ? 'nopass' : digestRule(users.clientPassword);
  const rules = ['+@all', '-@admin', ...ALLOWED_ADMIN_COMMANDS.map((name) => `+${name}`)];
  for (const denied of DENIED_COMMANDS) {
    rules.push(`-${denied.command}`);
    for (const name of denied.except ?? []) rules.push(`+${denied.command}|${name}`);
  }
  rules.push(...DENIED_SUBCOMMANDS.map((name) => `-${name}`));
  return [
    `user ${CLIENT_USER} on ${secret} ~* &* ${rules.join(' ')}`,
    `user ${REPLICATOR_USER} on ${digestRule(users.replicatorPassword)} ~* &* +@all`,
    '',
  ].join('\n');
}

function digestRule(password: string): string {
  return `#${createHash('sha256').update(password).digest('hex')}`;
}
