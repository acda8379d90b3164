// Commands on lists.

import type { CommandGroup } from './row.ts';

/** Then its content is shipped once, and it is followed from there on. */
const UNFOLLOWED = 'on a list that is not followed: whole read';

const AT_LEAST_ONCE = 'each element at least once across regions; never resurrected';

export const LISTS: CommandGroup = {
  title: 'Lists',
  rows: [
    {
      names: ['LPUSH', 'RPUSH', 'LPUSHX', 'RPUSHX'],
      reach: 'rule',
      as: 'elements, each with an identity and a position',
      merges: ['element'],
      caveats: 'pushes of all regions survive, ordered by time at each end',
    },
    {
      names: ['LPOP', 'RPOP'],
      reach: 'rule',
      as: `removal of the elements that it popped, by identity; several, ${UNFOLLOWED}`,
      merges: ['elementRemoval'],
      caveats: AT_LEAST_ONCE,
    },
    {
      names: ['LMPOP', 'BLPOP', 'BRPOP', 'BLMPOP'],
      reach: { propagatedAs: ['LPOP', 'RPOP'] },
      merges: ['elementRemoval'],
      caveats: AT_LEAST_ONCE,
    },
    {
      names: ['LTRIM'],
      reach: 'rule',
      as: `removal of the elements that it trimmed, by identity; ${UNFOLLOWED}`,
      merges: ['elementRemoval'],
      caveats: 'what another region pushed meanwhile stays',
    },
    {
      names: ['LREM'],
      reach: 'rule',
      as: `removal of the elements that it found, by identity; ${UNFOLLOWED}`,
      merges: ['elementRemoval'],
      caveats: 'equal values that it had not seen stay',
    },
    {
      names: ['LSET'],
      reach: 'rule',
      as: 'a new value of the element',
      merges: ['element'],
      caveats: 'newest wins; a removed element stays removed',
    },
    {
      names: ['LINSERT'],
      reach: 'rule',
      as: `an element with a position next to its neighbour; ${UNFOLLOWED}`,
      merges: ['element'],
      caveats: 'stays next to it, even if the neighbour is removed meanwhile',
    },
    {
      names: ['LMOVE', 'RPOPLPUSH'],
      reach: 'rule',
      as: `removal of the element and a push of its value, one unit; ${UNFOLLOWED} of the destination`,
      merges: ['elementRemoval', 'element'],
      caveats: 'an element that two regions move is pushed twice',
    },
    {
      names: ['BLMOVE', 'BRPOPLPUSH'],
      reach: { propagatedAs: ['LMOVE', 'RPOPLPUSH'] },
      merges: ['elementRemoval', 'element'],
      caveats: 'as LMOVE',
    },
    {
      names: ['LMOVEM'],
      since: 'Redis 8.10',
      reach: 'default',
      as: 'whole read of both keys',
      merges: ['wholeValue'],
    },
    {
      names: ['BLMOVEM'],
      since: 'Redis 8.10',
      reach: { propagatedAs: ['LMOVEM'] },
      merges: ['wholeValue'],
    },
  ],
};
