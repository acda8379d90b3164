// Commands on HyperLogLogs and on streams.

import type { CommandGroup } from './row.ts';

export const HYPERLOGLOG: CommandGroup = {
  title: 'HyperLogLog',
  rows: [
    {
      names: ['PFADD'],
      reach: 'rule',
      as: 'verbatim',
      merges: ['union'],
      caveats: 'a DEL beats what it had not seen; an add without a change is not an event',
    },
    {
      names: ['PFMERGE'],
      reach: 'rule',
      as: 'union with the value that it left, by a read',
      merges: ['union'],
      caveats: 'a DEL beats what it had not seen',
    },
    {
      names: ['PFCOUNT'],
      reach: 'rule',
      as: 'nothing',
      caveats: 'in the stream when it refreshes a cached count; passed over',
    },
    {
      names: ['PFDEBUG'],
      reach: 'default',
      as: 'verbatim',
      merges: ['opaque'],
      denied: { reason: 'rewrites a value in place without a rule to replicate it' },
    },
    { names: ['PFSELFTEST'], reach: 'nothing', denied: { reason: 'blocks the engine' } },
  ],
};

const DELIVERY_IS_LOCAL = 'consumers and pending entries are local to each region';

export const STREAMS: CommandGroup = {
  title: 'Streams',
  rows: [
    {
      names: ['XADD'],
      reach: 'rule',
      as: 'verbatim, with the ID that the entry got; MAXLEN and MINID as XTRIM',
      merges: ['entry'],
      caveats:
        'a late ID is inserted in order; of equal IDs the smaller replica id keeps it, the other ' +
        'entry moves to the next free ID; KEEPREF, DELREF, ACKED, IDMP and IDMPAUTO work in its region only',
    },
    { names: ['XDEL'], reach: 'rule', as: 'verbatim', merges: ['entryRemoval'] },
    {
      names: ['XTRIM'],
      reach: 'rule',
      as: 'the ID that it reached, also for MAXLEN, by a read',
      merges: ['entryRemoval'],
      caveats: 'entries that it had not seen stay, so a stream can be longer than MAXLEN',
    },
    {
      names: ['XSETID'],
      reach: 'rule',
      as: 'verbatim; back below an entry that was just deleted: whole read',
      merges: ['entry'],
      caveats: 'of last IDs the greatest stays',
    },
    {
      names: ['XGROUP CREATE', 'XGROUP DESTROY'],
      reach: 'rule',
      as: 'verbatim, with the ID that `$` stood for',
      merges: ['group'],
      caveats: 'DESTROY, and DEL of the key, beat a concurrent CREATE',
    },
    {
      names: ['XGROUP SETID', 'XGROUP CREATECONSUMER', 'XGROUP DELCONSUMER'],
      reach: 'rule',
      as: 'nothing',
      caveats: 'local to each region',
    },
    {
      names: ['XREADGROUP', 'XAUTOCLAIM'],
      reach: { propagatedAs: ['XCLAIM', 'XGROUP SETID', 'XGROUP CREATECONSUMER'] },
      as: 'nothing (XCLAIM, XGROUP SETID in the stream)',
      caveats: DELIVERY_IS_LOCAL,
    },
    { names: ['XCLAIM'], reach: 'rule', as: 'nothing', caveats: DELIVERY_IS_LOCAL },
    {
      names: ['XACK'],
      reach: 'rule',
      as: 'up to the last entry before which everything that was read is acknowledged, by a read',
      merges: ['group'],
      caveats: 'an entry can be delivered again in another region',
    },
    {
      names: ['XACKDEL', 'XDELEX'],
      since: 'Redis 8.2',
      reach: 'default',
      as: 'verbatim',
      merges: ['opaque'],
    },
    {
      names: ['XCFGSET', 'XIDMPRECORD'],
      since: 'Redis 8.6',
      reach: 'default',
      as: 'as the engine propagates it',
      merges: ['opaque'],
      caveats: 'IDs against repetition work within a region',
    },
    {
      names: ['XNACK'],
      since: 'Redis 8.8',
      reach: 'default',
      as: 'as the engine propagates it',
      merges: ['opaque'],
    },
  ],
};
