// What whoever replays the log needs for keys on which concurrent ops have met.
//
// What an op did there depends on the ops that it had not observed, and those may be stable, and everybody's, long
// before the key is quiet again. So the log must not begin in the middle of such an encounter: it is kept from
// its first op on until all of it is stable. And the end of each is written down, so that a replay that begins in the
// middle of one that is over does not mistake the rest of it for a beginning.

import type { VersionVector } from '../../model/version-vector.ts';
import type { KeyEntry } from './key-entry.ts';

export class ReplayNeeds {
  /** Over, and not in the log as such. */
  #over: KeyEntry[] = [];

  /** All ops on the key of an entry are stable, and it was forgotten. */
  isOver(entry: KeyEntry): void {
    if (entry.table !== undefined) this.#over.push(entry);
  }

  /** Keys whose encounters are over, in a list if there are any: to be logged before anything else of the key is. */
  takeOver(): string[][] {
    if (this.#over.length === 0) return [];
    const keys = this.#over.map(({ key }) => key);
    this.#over = [];
    return [keys];
  }

  /** Up to where the log may go, `entries` being those of keys on which ops have met. */
  bounds(frontier: VersionVector, entries: Iterable<KeyEntry>): VersionVector {
    const bounds = frontier.slice();
    for (const list of [this.#over, entries]) {
      for (const { needsFrom } of list) {
        needsFrom.forEach((seq, slot) => {
          if (seq <= (bounds[slot] as number)) bounds[slot] = seq - 1;
        });
      }
    }
    return bounds;
  }
}
