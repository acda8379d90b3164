// A sorted set: scores by member, and the order (score, then bytes of the member), made when it is asked for.

export interface ScoredMember {
  readonly member: string;
  readonly score: number;
}

export class SortedSet {
  readonly #scores = new Map<string, number>();
  #ordered: ScoredMember[] | undefined;

  get size(): number {
    return this.#scores.size;
  }

  score(member: string): number | undefined {
    return this.#scores.get(member);
  }

  set(member: string, score: number): void {
    this.#scores.set(member, score);
    this.#ordered = undefined;
  }

  delete(member: string): boolean {
    if (!this.#scores.delete(member)) return false;
    this.#ordered = undefined;
    return true;
  }

  /** Removes the members at `[from, to)` of the order and returns them. */
  removeRange(from: number, to: number): ScoredMember[] {
    const ordered = this.#order();
    const removed = ordered.splice(from, to - from);
    for (const item of removed) this.#scores.delete(item.member);
    return removed;
  }

  /** All members, lowest first. Valid until the next change. */
  ordered(): readonly ScoredMember[] {
    return this.#order();
  }

  copy(): SortedSet {
    const copy = new SortedSet();
    for (const [member, score] of this.#scores) copy.#scores.set(member, score);
    return copy;
  }

  #order(): ScoredMember[] {
    if (this.#ordered === undefined) {
      const items: ScoredMember[] = [];
      for (const [member, score] of this.#scores) items.push({ member, score });
      this.#ordered = items.sort(compare);
    }
    return this.#ordered;
  }
}

function compare(a: ScoredMember, b: ScoredMember): number {
  if (a.score !== b.score) return a.score < b.score ? -1 : 1;
  return a.member < b.member ? -1 : a.member > b.member ? 1 : 0;
}
