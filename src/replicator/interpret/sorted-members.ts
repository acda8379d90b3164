// An ordered copy of a sorted set: members with scores, by (score, member bytes), as the engine orders
// them. Blocks of a few hundred keep inserts cheap without the pointers of a tree.

/** A member with its score, in the engine's order. */
export interface ScoredMember {
  readonly score: number;
  readonly member: string;
}

const BLOCK_MAX = 512;

function compare(a: ScoredMember, b: ScoredMember): number {
  if (a.score !== b.score) return a.score < b.score ? -1 : 1;
  if (a.member === b.member) return 0;
  // Latin1 strings compare as the bytes they stand for.
  return a.member < b.member ? -1 : 1;
}

export class SortedMembers {
  readonly #scores = new Map<string, number>();
  #blocks: ScoredMember[][] = [];
  #memberBytes = 0;

  get size(): number {
    return this.#scores.size;
  }

  /** A rough figure for what this copy holds in memory. */
  get bytes(): number {
    return this.#memberBytes + this.#scores.size * 120;
  }

  score(member: string): number | undefined {
    return this.#scores.get(member);
  }

  set(member: string, score: number): void {
    const present = this.#scores.get(member);
    if (present === score) return;
    if (present !== undefined) this.delete(member);
    this.#scores.set(member, score);
    this.#memberBytes += member.length;
    this.#insert({ score, member });
  }

  delete(member: string): boolean {
    const score = this.#scores.get(member);
    if (score === undefined) return false;
    this.#scores.delete(member);
    this.#memberBytes -= member.length;
    const target = { score, member };
    const b = this.#blockFor(target);
    const block = this.#blocks[b] as ScoredMember[];
    block.splice(lowerBound(block, target), 1);
    if (block.length === 0) this.#blocks.splice(b, 1);
    return true;
  }

  /** Members at ranks `from` to `to`, both counted from 0 and included. */
  byRank(from: number, to: number): string[] {
    const members: string[] = [];
    let rank = 0;
    for (const block of this.#blocks) {
      if (rank > to) break;
      if (rank + block.length > from) {
        const start = Math.max(0, from - rank);
        const end = Math.min(block.length, to - rank + 1);
        for (let i = start; i < end; i++) members.push((block[i] as ScoredMember).member);
      }
      rank += block.length;
    }
    return members;
  }

  /** Members for which `matches` holds; they must lie next to each other in the order. */
  where(matches: (entry: ScoredMember) => boolean): string[] {
    const members: string[] = [];
    for (const block of this.#blocks) {
      for (const entry of block) {
        if (matches(entry)) members.push(entry.member);
        else if (members.length > 0) return members;
      }
    }
    return members;
  }

  #insert(entry: ScoredMember): void {
    if (this.#blocks.length === 0) {
      this.#blocks.push([entry]);
      return;
    }
    const b = this.#blockFor(entry);
    const block = this.#blocks[b] as ScoredMember[];
    block.splice(lowerBound(block, entry), 0, entry);
    if (block.length > BLOCK_MAX) {
      this.#blocks.splice(b + 1, 0, block.splice(BLOCK_MAX >> 1));
    }
  }

  /** The block that holds `entry`, or into which it belongs. */
  #blockFor(entry: ScoredMember): number {
    let low = 0;
    let high = this.#blocks.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      const last = this.#blocks[middle]?.at(-1) as ScoredMember;
      if (compare(last, entry) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

function lowerBound(block: readonly ScoredMember[], entry: ScoredMember): number {
  let low = 0;
  let high = block.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compare(block[middle] as ScoredMember, entry) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
