// Scripts, messages, and the commands that act on an engine as a whole: most of these are denied to
// clients, because no merge could make sense of them.

import type { CommandGroup } from './row.ts';

const FLUSH = 'would empty one region only; flushing is an operation on the whole group';
const ROLE = 'would take the engine out of its role as a primary of its group';
const STREAM = 'would read the replication stream or interfere with the replicator';
const DISK = 'engines in a group keep nothing on disk; saving blocks or forks the engine';
const CLUSTER = 'slots and nodes are managed by the group';
const IF_IT_RUNS = 'if it runs all the same: logged as an error';

export const SCRIPTS: CommandGroup = {
  title: 'Transactions, scripts and functions',
  rows: [
    {
      names: ['MULTI', 'EXEC', 'EVAL', 'EVALSHA', 'FCALL'],
      reach: 'effects',
      as: 'their effects, as one unit',
      merges: ['effects'],
      caveats: 'what `redis.set_repl` hides is not replicated',
    },
    {
      names: ['FUNCTION LOAD', 'FUNCTION DELETE', 'FUNCTION FLUSH', 'FUNCTION RESTORE'],
      reach: 'rule',
      as: 'nothing, or the libraries where the group replicates functions',
      merges: ['library'],
      caveats: 'local to each region unless the group asks for it',
    },
    {
      names: ['SCRIPT LOAD', 'SCRIPT FLUSH'],
      reach: 'rule',
      as: 'nothing',
      caveats: 'local to each region',
    },
    { names: ['SCRIPT DEBUG'], reach: 'nothing', denied: { reason: 'blocks the engine' } },
    {
      names: ['WATCH', 'UNWATCH', 'DISCARD'],
      reach: 'nothing',
      caveats: 'says nothing about other regions',
    },
  ],
};

export const MESSAGES: CommandGroup = {
  title: 'Messages',
  rows: [
    {
      names: ['PUBLISH', 'SPUBLISH'],
      reach: 'rule',
      as: 'verbatim',
      merges: ['message'],
      caveats: 'at most once; the count that it answers is that of its own region',
    },
  ],
};

export const SERVER: CommandGroup = {
  title: 'Server',
  rows: [
    {
      names: ['FLUSHALL', 'FLUSHDB'],
      reach: 'rule',
      as: 'not replicated',
      caveats: IF_IT_RUNS,
      denied: { reason: FLUSH },
    },
    {
      names: ['SWAPDB'],
      reach: 'rule',
      as: 'not replicated',
      caveats: IF_IT_RUNS,
      denied: { reason: 'would swap data without a trace of the keys in the stream' },
    },
    {
      names: ['SFLUSH'],
      since: 'Redis 8.0',
      reach: 'default',
      as: 'not replicated',
      denied: { reason: FLUSH },
    },
    {
      names: ['TRIMSLOTS'],
      since: 'Redis 8.4',
      reach: 'default',
      as: 'not replicated',
      denied: { reason: CLUSTER },
    },
    {
      names: ['SELECT'],
      reach: 'rule',
      as: 'nothing',
      caveats: 'the engine refuses every database but 0: there is one',
    },
    {
      names: ['WAIT'],
      reach: { propagatedAs: ['REPLCONF'] },
      as: 'nothing',
      caveats:
        '`WAIT 1` answers when the replicator has the write in its log, or the standby has it',
    },
    {
      names: ['WAITAOF'],
      since: 'Redis 7.2, Valkey 7.2',
      reach: 'nothing',
      caveats: 'engines in a group keep nothing on disk',
    },
    { names: ['PING'], reach: 'rule', as: 'nothing', caveats: 'in the stream of an idle engine' },
    { names: ['TOUCH', 'OBJECT', 'CLIENT', 'LCS'], reach: 'nothing' },
    { names: ['REPLICAOF', 'SLAVEOF', 'FAILOVER'], reach: 'nothing', denied: { reason: ROLE } },
    { names: ['PSYNC', 'SYNC'], reach: 'nothing', denied: { reason: STREAM } },
    { names: ['REPLCONF'], reach: 'rule', as: 'nothing', denied: { reason: STREAM } },
    {
      names: ['CLIENT PAUSE', 'CLIENT UNPAUSE'],
      reach: 'nothing',
      denied: {
        reason: 'would hold up the writes of the other regions, or end a pause of the group',
      },
    },
    {
      names: ['CONFIG'],
      reach: 'nothing',
      denied: {
        reason: 'persistence, backlog and users of the engine are set by the group',
        except: ['GET', 'HELP'],
      },
    },
    {
      names: ['DEBUG'],
      reach: 'nothing',
      denied: { reason: 'can crash, stall or silently change the engine' },
    },
    {
      names: ['SHUTDOWN'],
      reach: 'nothing',
      denied: { reason: 'engines are started and stopped by the group' },
    },
    {
      names: ['MODULE'],
      reach: 'nothing',
      denied: {
        reason: 'runs foreign code in the engine; modules are set at creation',
        except: ['LIST', 'HELP'],
      },
    },
    {
      names: ['ACL'],
      reach: 'nothing',
      denied: {
        reason: 'users and access keys are managed by the group',
        except: ['WHOAMI', 'CAT', 'HELP'],
      },
    },
    { names: ['SAVE', 'BGSAVE', 'BGREWRITEAOF'], reach: 'nothing', denied: { reason: DISK } },
    { names: ['BACKUP'], since: 'Redis 8.10', reach: 'nothing', denied: { reason: DISK } },
    {
      names: ['CLUSTER'],
      reach: 'nothing',
      denied: {
        reason: CLUSTER,
        except: ['INFO', 'NODES', 'SLOTS', 'SHARDS', 'MYID', 'KEYSLOT', 'COUNTKEYSINSLOT', 'HELP'],
      },
    },
  ],
};

/** Administrative or dangerous by the engine's categories, but harmless to a group: they observe, steer
 * connections, or are data commands. Every engine that can be used has them. */
export const ALLOWED_ALL_THE_SAME: readonly string[] = [
  'CLIENT',
  'LATENCY',
  'SLOWLOG',
  'MONITOR',
  'ROLE',
  'LASTSAVE',
  'INFO',
  'KEYS',
  'SORT',
  'SORT_RO',
  'RESTORE',
];

/** The same of commands that only some engines have: a users file that names a command that the engine does
 * not know keeps it from starting, so these are allowed once it runs. */
export const ALLOWED_WHERE_KNOWN: readonly string[] = [
  'FT._LIST',
  'FT.DROP',
  'FT.DROPINDEX',
  'FT.TAGVALS',
];
