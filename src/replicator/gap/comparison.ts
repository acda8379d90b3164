// Which of some keys differ from those of another member, while both are written to: pure bookkeeping over digests
// that are asked for in turns.
//
//   1. theirs
//   2. once everything that they had then is visible here: ours
//   3. once everything that was visible here then is there: theirs again
//
// If 3 equals 1, nothing was on its way between the two: they are the same if 2 is the same too, else they differ.
// Anything else is a key that is being written: another turn, and after some turns it counts as differing. That 3 equals
// 2 says nothing then: an increment that was missed here and another one that came later make the same sum.

const TURNS_MAX = 12;
/** What was asserted and differs all the same is asserted again. */
const ASSERTIONS_MAX = 3;

interface Candidate {
  theirs: string | undefined;
  ours: string | undefined;
  turns: number;
  assertions: number;
}

export type Verdict = 'same' | 'ours' | 'theirs' | 'open';

export class Comparison {
  readonly #candidates = new Map<string, Candidate>();

  add(key: string): void {
    const fresh = { theirs: undefined, ours: undefined, turns: 0, assertions: 0 };
    if (!this.#candidates.has(key)) this.#candidates.set(key, fresh);
  }

  get size(): number {
    return this.#candidates.size;
  }

  /** The next so many to look at. */
  some(count: number): string[] {
    const keys: string[] = [];
    for (const key of this.#candidates.keys()) {
      if (keys.length === count) break;
      keys.push(key);
    }
    return keys;
  }

  /** What they had before what we have. */
  noteTheirs(key: string, digest: string): void {
    const candidate = this.#candidates.get(key);
    if (candidate !== undefined) candidate.theirs = digest;
  }

  /** Read when everything was visible here that they had. */
  noteOurs(key: string, digest: string): void {
    const candidate = this.#candidates.get(key);
    if (candidate !== undefined) candidate.ours = digest;
  }

  /**
   * `digest` is theirs once they had what we had. `ours`: what we have is to be asserted; `theirs`: the key is
   * missing here, and they are to assert it.
   */
  judge(key: string, digest: string): Verdict {
    const candidate = this.#candidates.get(key);
    if (candidate === undefined) return 'same';
    // To the end: the others have their turn.
    this.#candidates.delete(key);
    const isStill = digest === candidate.theirs;
    if (isStill && digest === candidate.ours) return 'same';
    candidate.turns++;
    if (!isStill && candidate.turns < TURNS_MAX) {
      this.#candidates.set(key, candidate);
      return 'open';
    }
    candidate.turns = 0;
    candidate.assertions++;
    if (candidate.assertions <= ASSERTIONS_MAX) this.#candidates.set(key, candidate);
    return candidate.ours === '' ? 'theirs' : 'ours';
  }
}
