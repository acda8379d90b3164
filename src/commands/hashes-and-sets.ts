// Commands on hashes and on sets.

import type { CommandGroup } from './row.ts';

const FIELD_EXPIRY = 'Redis 7.4, Valkey 9.0';

export const HASHES: CommandGroup = {
  title: 'Hashes',
  rows: [
    { names: ['HSET', 'HMSET'], reach: 'rule', as: 'verbatim', merges: ['field'] },
    { names: ['HSETNX'], reach: 'rule', as: 'effect: HSET', merges: ['field'] },
    { names: ['HINCRBY'], reach: 'rule', as: 'verbatim', merges: ['fieldIncrement'] },
    {
      names: ['HINCRBYFLOAT'],
      reach: { propagatedAs: ['HSET', 'HSETEX'] },
      as: 'HSET of the result, or HSETEX KEEPTTL (so propagated)',
      merges: ['field'],
      caveats: 'an assignment: concurrent ones do not add up',
    },
    { names: ['HDEL'], reach: 'rule', as: 'verbatim', merges: ['fieldRemoval'] },
    {
      names: ['HEXPIRE', 'HPEXPIRE', 'HEXPIREAT'],
      since: FIELD_EXPIRY,
      reach: { propagatedAs: ['HPEXPIREAT', 'HDEL'] },
      as: 'HPEXPIREAT of the fields that it set (so propagated)',
      merges: ['fieldExpiry'],
      caveats: 'longest wins; a time in the past is an HDEL, as is the end of a field',
    },
    {
      names: ['HPEXPIREAT'],
      since: FIELD_EXPIRY,
      reach: 'rule',
      as: 'effect: without NX, XX, GT, LT',
      merges: ['fieldExpiry'],
      caveats: 'longest wins; a time in the past is an HDEL',
    },
    {
      names: ['HPERSIST'],
      since: FIELD_EXPIRY,
      reach: 'rule',
      as: 'verbatim',
      merges: ['fieldExpiry'],
      caveats: 'no expiry is the longest',
    },
    {
      names: ['HGETEX'],
      since: 'Redis 8.0, Valkey 9.0',
      reach: { propagatedAs: ['HPEXPIREAT', 'HPERSIST', 'HDEL'] },
      as: 'HPEXPIREAT, HPERSIST or HDEL (so propagated)',
      merges: ['fieldExpiry', 'fieldRemoval'],
      caveats: 'nothing without an option',
    },
    {
      names: ['HSETEX'],
      since: 'Redis 8.0, Valkey 9.0',
      reach: 'rule',
      as: 'HSET, and HPEXPIREAT unless it keeps the expiry',
      merges: ['field', 'fieldExpiry'],
      caveats: 'FNX and FXX are decided where it runs; a time in the past is an HDEL',
    },
    {
      names: ['HGETDEL'],
      since: 'Redis 8.0, Valkey 9.1',
      reach: { propagatedAs: ['HDEL'] },
      merges: ['fieldRemoval'],
    },
    {
      names: ['HIMPORT SET'],
      since: 'Redis 8.10',
      reach: 'default',
      as: 'as the engine propagates it',
      merges: ['opaque'],
    },
  ],
};

export const SETS: CommandGroup = {
  title: 'Sets',
  rows: [
    {
      names: ['SADD'],
      reach: 'rule',
      as: 'verbatim',
      merges: ['member'],
      caveats: 'members that are there already are not an event',
    },
    { names: ['SREM'], reach: 'rule', as: 'verbatim', merges: ['memberRemoval'] },
    {
      names: ['SPOP'],
      reach: { propagatedAs: ['SREM', 'DEL', 'UNLINK'] },
      as: 'SREM of what was popped, DEL for all (so propagated)',
      merges: ['memberRemoval'],
      caveats: 'popped at least once across regions',
    },
    {
      names: ['SMOVE'],
      reach: 'rule',
      as: 'SREM and SADD, one unit',
      merges: ['memberRemoval', 'member'],
    },
    {
      names: ['SUNIONSTORE', 'SINTERSTORE', 'SDIFFSTORE'],
      reach: 'rule',
      as: 'whole read of the destination',
      merges: ['wholeValue'],
    },
    { names: ['SDIFFCARD', 'SUNIONCARD'], since: 'Redis 8.10', reach: 'nothing', as: 'reads' },
  ],
};
