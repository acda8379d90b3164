// Ranges of sorted sets as the engine reads them: by rank, by score, by member bytes.

import type { ScoredMember, SortedMembers } from './sorted-members.ts';

/** A score as the engine reads it; NaN when it is none. */
export function scoreOfText(text: string): number {
  const lower = text.toLowerCase();
  if (lower === 'inf' || lower === '+inf' || lower === 'infinity' || lower === '+infinity') {
    return Number.POSITIVE_INFINITY;
  }
  if (lower === '-inf' || lower === '-infinity') return Number.NEGATIVE_INFINITY;
  return Number(text);
}

/** ZREMRANGEBYRANK: negative ranks count from the end. */
export function rankRange(set: SortedMembers, startText: string, stopText: string): string[] {
  let start = Number(startText);
  let stop = Number(stopText);
  if (start < 0) start = Math.max(0, set.size + start);
  if (stop < 0) stop = set.size + stop;
  return start > stop ? [] : set.byRank(start, Math.min(stop, set.size - 1));
}

/** ZREMRANGEBYSCORE: '(' excludes a bound. */
export function scoreRange(minText: string, maxText: string): (entry: ScoredMember) => boolean {
  const minExcluded = minText.startsWith('(');
  const maxExcluded = maxText.startsWith('(');
  const min = scoreOfText(minExcluded ? minText.slice(1) : minText);
  const max = scoreOfText(maxExcluded ? maxText.slice(1) : maxText);
  return ({ score }) =>
    (minExcluded ? score > min : score >= min) && (maxExcluded ? score < max : score <= max);
}

/** ZREMRANGEBYLEX: '[' includes and '(' excludes a bound, '-' and '+' are the ends. */
export function lexRange(minText: string, maxText: string): (entry: ScoredMember) => boolean {
  const above = (member: string): boolean => {
    if (minText === '-') return true;
    if (minText === '+') return false;
    const bound = minText.slice(1);
    return minText.startsWith('(') ? member > bound : member >= bound;
  };
  const below = (member: string): boolean => {
    if (maxText === '+') return true;
    if (maxText === '-') return false;
    const bound = maxText.slice(1);
    return maxText.startsWith('(') ? member < bound : member <= bound;
  };
  return ({ member }) => above(member) && below(member);
}
