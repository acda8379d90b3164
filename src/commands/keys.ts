// Commands on keys of any type.

import type { CommandGroup } from './row.ts';

export const KEYS: CommandGroup = {
  title: 'Keys',
  rows: [
    { names: ['DEL', 'UNLINK'], reach: 'rule', as: 'one DEL for each key', merges: ['removal'] },
    {
      names: ['DELEX'],
      since: 'Redis 8.4',
      reach: { propagatedAs: ['DEL', 'UNLINK'] },
      as: 'DEL (so propagated)',
      merges: ['removal'],
      caveats: 'the condition is decided where it runs',
    },
    {
      names: ['DELIFEQ'],
      since: 'Valkey 9.0',
      reach: 'default',
      as: 'as the engine propagates it',
      merges: ['removal'],
      caveats:
        'the condition is decided where it runs; opaque if the engine propagates it by its own name',
    },
    {
      names: ['EXPIRE', 'PEXPIRE', 'EXPIREAT'],
      reach: { propagatedAs: ['PEXPIREAT', 'DEL', 'UNLINK'] },
      as: 'PEXPIREAT (so propagated)',
      merges: ['expiry'],
      caveats: 'a time in the past is a DEL',
    },
    {
      names: ['PEXPIREAT'],
      reach: 'rule',
      as: 'effect: without NX, XX, GT, LT',
      merges: ['expiry'],
      caveats: 'a time in the past is a DEL',
    },
    { names: ['PERSIST'], reach: 'rule', as: 'verbatim', merges: ['expiry'] },
    {
      names: ['RENAME', 'RENAMENX'],
      reach: 'rule',
      as: 'DEL of the source, whole read of the destination',
      merges: ['removal', 'wholeValue'],
      caveats: 'what the other region adds to the source meanwhile stays there',
    },
    {
      names: ['COPY'],
      reach: 'rule',
      as: 'whole read of the destination',
      merges: ['wholeValue'],
    },
    {
      names: ['SORT'],
      reach: 'rule',
      as: 'whole read of the destination',
      merges: ['wholeValue'],
      caveats: 'nothing without STORE',
    },
    { names: ['RESTORE'], reach: 'rule', as: 'whole read', merges: ['wholeValue'] },
    {
      names: ['MOVE'],
      reach: 'rule',
      as: 'not replicated',
      caveats: 'the engine refuses it: there is one database',
    },
    {
      names: ['MIGRATE'],
      reach: { propagatedAs: ['DEL', 'UNLINK'] },
      merges: ['removal'],
      denied: { reason: 'would move keys to a server outside the group' },
    },
    {
      names: ['RESTORE-ASKING'],
      reach: 'rule',
      as: 'whole read',
      merges: ['wholeValue'],
      denied: { reason: 'slots and nodes are managed by the group' },
    },
  ],
};
