// Commands on sorted sets, geo among them: positions on the globe are scores.

import type { CommandGroup } from './row.ts';

const AT_LEAST_ONCE = 'popped at least once across regions';

export const SORTED_SETS: CommandGroup = {
  title: 'Sorted sets and geo',
  rows: [
    {
      names: ['ZADD'],
      reach: 'rule',
      as:
        'verbatim; with one member, or CH alone: effect without flags; INCR: ZINCRBY; several ' +
        'members with NX, XX, GT, LT: those that changed, or a read of the scores',
      merges: ['score'],
      caveats: 'equal scores are not an event',
    },
    {
      names: ['ZINCRBY'],
      reach: 'rule',
      as: 'verbatim',
      merges: ['scoreIncrement'],
      caveats: 'after a pop whose members are unknown: the score, by a read',
    },
    { names: ['ZREM'], reach: 'rule', as: 'verbatim', merges: ['scoreRemoval'] },
    {
      names: ['ZPOPMIN', 'ZPOPMAX'],
      reach: 'rule',
      as: 'effect: ZREM; on a key that is not followed: a read of who is left',
      merges: ['scoreRemoval'],
      caveats: AT_LEAST_ONCE,
    },
    {
      names: ['ZMPOP', 'BZPOPMIN', 'BZPOPMAX', 'BZMPOP'],
      reach: { propagatedAs: ['ZPOPMIN', 'ZPOPMAX'] },
      merges: ['scoreRemoval'],
      caveats: AT_LEAST_ONCE,
    },
    {
      names: ['ZREMRANGEBYSCORE', 'ZREMRANGEBYRANK', 'ZREMRANGEBYLEX'],
      reach: 'rule',
      as: 'as ZPOPMIN',
      merges: ['scoreRemoval'],
      caveats: 'exactly the members that it removed where it ran',
    },
    {
      names: ['ZUNIONSTORE', 'ZINTERSTORE', 'ZDIFFSTORE', 'ZRANGESTORE'],
      reach: 'rule',
      as: 'whole read of the destination',
      merges: ['wholeValue'],
    },
    { names: ['GEOADD'], reach: { propagatedAs: ['ZADD'] }, merges: ['score'] },
    {
      names: ['GEOSEARCHSTORE'],
      reach: 'rule',
      as: 'whole read of the destination',
      merges: ['wholeValue'],
    },
    {
      names: ['GEORADIUS', 'GEORADIUSBYMEMBER'],
      reach: 'rule',
      as: 'whole read of the destination',
      merges: ['wholeValue'],
      caveats: 'nothing without STORE or STOREDIST',
    },
  ],
};
