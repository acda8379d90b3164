// Ranges of sorted sets by rank, score and member: ZRANGE, ZRANGESTORE, and what ZREMRANGEBY* need.

import { at, type CommandTable } from './command-table.ts';
import type { Keyspace } from './keyspace.ts';
import { formatDouble, indexArgument, parseDouble } from './numbers.ts';
import { bulks, EMPTY, integer, type ModelReply, Refusal, SYNTAX_ERROR, ZERO } from './reply.ts';
import { type ScoredMember, SortedSet } from './sorted-set.ts';

/** Indexes `[start, end)` of a sorted set's order. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Finds a range in a sorted set; `reversed` when it is read from the far end. */
export type SpanFinder = (zset: SortedSet, reversed?: boolean) => Span;

const NOTHING: Span = { start: 0, end: 0 };

/** Ranks from `min` to `max`, both included; negative ones count from the end. */
export function rankRange(min: string, max: string): SpanFinder {
  const from = indexArgument(min);
  const to = indexArgument(max);
  return (zset) => {
    const start = from < 0 ? Math.max(0, zset.size + from) : from;
    const end = Math.min(zset.size, (to < 0 ? zset.size + to : to) + 1);
    return start >= end ? NOTHING : { start, end };
  };
}

/** Scores from `min` to `max`; a leading parenthesis excludes the bound. */
export function scoreRange(min: string, max: string): SpanFinder {
  const low = scoreBound(min);
  const high = scoreBound(max);
  return (zset, reversed = false) =>
    spanWhere(
      zset,
      (item) => item.score > low.score || (!low.excluded && item.score === low.score),
      (item) => item.score < high.score || (!high.excluded && item.score === high.score),
      reversed,
    );
}

function scoreBound(text: string): { score: number; excluded: boolean } {
  const excluded = text.startsWith('(');
  const score = parseDouble(excluded ? text.slice(1) : text);
  if (score === undefined) throw new Refusal('ERR min or max is not a float');
  return { score, excluded };
}

/** Members from `min` to `max`: `-`, `+`, `[included`, `(excluded`. */
export function lexRange(min: string, max: string): SpanFinder {
  const low = lexBound(min);
  const high = lexBound(max);
  return (zset, reversed = false) =>
    spanWhere(
      zset,
      (item) => compareToBound(item.member, low) >= (low.excluded ? 1 : 0),
      (item) => compareToBound(item.member, high) <= (high.excluded ? -1 : 0),
      reversed,
    );
}

interface LexBound {
  readonly text: string;
  readonly excluded: boolean;
  /** Below (-1) or above (1) every member; 0: at `text`. */
  readonly infinite: -1 | 0 | 1;
}

function lexBound(text: string): LexBound {
  if (text === '-') return { text: '', excluded: false, infinite: -1 };
  if (text === '+') return { text: '', excluded: false, infinite: 1 };
  const excluded = text.startsWith('(');
  if (!excluded && !text.startsWith('[')) {
    throw new Refusal('ERR min or max not valid string range item');
  }
  return { text: text.slice(1), excluded, infinite: 0 };
}

function compareToBound(member: string, bound: LexBound): number {
  if (bound.infinite !== 0) return -bound.infinite;
  return member < bound.text ? -1 : member > bound.text ? 1 : 0;
}

/** The run of members in a range, found from the end at which the engine begins. Where scores differ, a range of
 * members is not contiguous and the direction matters. */
function spanWhere(
  zset: SortedSet,
  reached: (item: ScoredMember) => boolean,
  within: (item: ScoredMember) => boolean,
  reversed: boolean,
): Span {
  const items = zset.ordered();
  const first = items[0];
  const last = items.at(-1);
  if (first === undefined || last === undefined || !reached(last) || !within(first)) return NOTHING;
  if (reversed) {
    let start = items.findLastIndex(within) + 1;
    const end = start;
    while (start > 0 && reached(items[start - 1] as ScoredMember)) start--;
    return { start, end };
  }
  const start = items.findIndex(reached);
  let end = start;
  while (end < items.length && within(items[end] as ScoredMember)) end++;
  return { start, end };
}

interface RangeQuery {
  readonly spanOf: SpanFinder;
  readonly byRank: boolean;
  readonly reversed: boolean;
  readonly withScores: boolean;
  readonly offset: number;
  readonly limit: number;
}

function parseRange(args: readonly string[], first: number, storing: boolean): RangeQuery {
  let by: 'rank' | 'score' | 'lex' = 'rank';
  let reversed = false;
  let withScores = false;
  let offset = 0;
  let limit = -1;
  for (let i = first + 2; i < args.length; i++) {
    const word = at(args, i).toUpperCase();
    if (word === 'WITHSCORES' && !storing) withScores = true;
    else if (word === 'REV') reversed = true;
    else if (word === 'BYSCORE') by = 'score';
    else if (word === 'BYLEX') by = 'lex';
    else if (word === 'LIMIT' && i + 2 < args.length) {
      offset = indexArgument(at(args, ++i));
      limit = indexArgument(at(args, ++i));
    } else throw SYNTAX_ERROR;
  }
  if (limit !== -1 && by === 'rank') {
    throw new Refusal(
      'ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX',
    );
  }
  if (withScores && by === 'lex') {
    throw new Refusal('ERR syntax error, WITHSCORES not supported in combination with BYLEX');
  }
  const swapped = reversed && by !== 'rank';
  const min = at(args, swapped ? first + 1 : first);
  const max = at(args, swapped ? first : first + 1);
  const parse = by === 'rank' ? rankRange : by === 'score' ? scoreRange : lexRange;
  return { spanOf: parse(min, max), byRank: by === 'rank', reversed, withScores, offset, limit };
}

function select(zset: SortedSet, query: RangeQuery): readonly ScoredMember[] {
  let { start, end } = query.spanOf(zset, query.reversed);
  if (query.byRank && query.reversed) [start, end] = [zset.size - end, zset.size - start];
  const items = zset.ordered().slice(start, end);
  if (query.reversed) items.reverse();
  if (query.offset < 0) return [];
  return items.slice(query.offset, query.limit < 0 ? undefined : query.offset + query.limit);
}

function range(space: Keyspace, args: readonly string[]): ModelReply {
  const query = parseRange(args, 2, false);
  const zset = space.findZset(at(args, 1))?.zset;
  if (zset === undefined) return EMPTY;
  const items = select(zset, query);
  return bulks(
    query.withScores
      ? items.flatMap((item) => [item.member, formatDouble(item.score)])
      : items.map((item) => item.member),
  );
}

function rangeStore(space: Keyspace, args: readonly string[]): ModelReply {
  const query = parseRange(args, 3, true);
  const source = space.findZset(at(args, 2))?.zset;
  return storeSortedSet(space, at(args, 1), source === undefined ? [] : select(source, query));
}

/** Gives `key` these members, or deletes it when there are none. */
export function storeSortedSet(
  space: Keyspace,
  key: string,
  items: Iterable<ScoredMember>,
): ModelReply {
  const zset = new SortedSet();
  for (const { member, score } of items) zset.set(member, score);
  if (zset.size === 0) {
    if (space.remove(key)) space.changed(key);
    return ZERO;
  }
  space.assign(key, { type: 'zset', zset });
  space.dirty++;
  return integer(zset.size);
}

export const SORTED_SET_RANGE_COMMANDS: CommandTable = {
  ZRANGE: [-4, range],
  ZRANGESTORE: [-5, rangeStore],
};
