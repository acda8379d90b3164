// Commands on strings: values, counters and bitmaps.

import type { CommandGroup } from './row.ts';

export const STRINGS: CommandGroup = {
  title: 'Strings and counters',
  rows: [
    {
      names: ['SET'],
      reach: 'rule',
      as: 'effect: SET, with PXAT or KEEPTTL',
      merges: ['string', 'expiry'],
      caveats: 'NX, XX and other conditions are decided where it runs',
    },
    {
      names: ['SETNX'],
      reach: 'rule',
      as: 'effect: SET',
      merges: ['string'],
      caveats: 'two regions can both succeed; ends the expiry',
    },
    {
      names: ['SETEX', 'PSETEX'],
      reach: { propagatedAs: ['SET'] },
      as: 'SET with PXAT (so propagated)',
      merges: ['string', 'expiry'],
    },
    {
      names: ['GETSET'],
      reach: { propagatedAs: ['SET'] },
      merges: ['string'],
      caveats: 'ends the expiry',
    },
    {
      names: ['GETDEL'],
      reach: { propagatedAs: ['DEL', 'UNLINK'] },
      as: 'DEL (so propagated)',
      merges: ['removal'],
    },
    {
      names: ['GETEX'],
      reach: { propagatedAs: ['PEXPIREAT', 'PERSIST', 'DEL', 'UNLINK'] },
      as: 'PEXPIREAT, PERSIST or DEL (so propagated)',
      merges: ['expiry', 'removal'],
      caveats: 'nothing without an option',
    },
    {
      names: ['MSET', 'MSETNX'],
      reach: 'rule',
      as: 'one SET for each key, one unit',
      merges: ['string'],
    },
    {
      names: ['MSETEX'],
      since: 'Redis 8.4, Valkey 9.1',
      reach: 'rule',
      as: 'one SET for each key, with PXAT or KEEPTTL, one unit',
      merges: ['string', 'expiry'],
      caveats: 'NX and XX are decided where it runs',
    },
    {
      names: ['INCR', 'DECR', 'INCRBY', 'DECRBY'],
      reach: 'rule',
      as: 'verbatim',
      merges: ['increment'],
    },
    {
      names: ['INCRBYFLOAT'],
      reach: { propagatedAs: ['SET'] },
      as: 'effect: the increment; the first on a key that is not followed: SET KEEPTTL',
      merges: ['increment', 'string'],
    },
    {
      names: ['INCREX'],
      since: 'Redis 8.8',
      reach: 'default',
      as: 'as the engine propagates it',
      merges: ['opaque'],
      caveats: 'concurrent ones do not add up: bounds hold in one region only',
    },
    {
      names: ['APPEND'],
      reach: 'rule',
      as: 'verbatim',
      merges: ['opaque'],
      caveats: "concurrent ones are not joined: the newest writer's whole value",
    },
    { names: ['SETRANGE'], reach: 'rule', as: 'verbatim', merges: ['opaque'] },
  ],
};

export const BITMAPS: CommandGroup = {
  title: 'Bitmaps',
  rows: [
    {
      names: ['SETBIT'],
      reach: 'rule',
      as: 'verbatim',
      merges: ['bit'],
      caveats: 'the bit that is there already is not an event',
    },
    {
      names: ['BITFIELD'],
      reach: 'rule',
      as: 'verbatim',
      merges: ['opaque'],
      caveats: 'concurrent ones do not add up; nothing if it only reads',
    },
    {
      names: ['BITOP'],
      reach: 'rule',
      as: 'whole read of the destination',
      merges: ['wholeValue'],
    },
  ],
};
