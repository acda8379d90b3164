// Which members this one does without because too much was kept for them while they could not be reached, and how
// the others come to the same: a state machine without clock and I/O.
//
// A member that has found one stale says so in its greetings, with the last of that one's ops that it has. From
// then on it takes nothing from it and gives it nothing. Whoever hears of it does the same and says so too. Once
// all who remain have said it of the same members, it is agreed: the last of their ops that any of them has is known
// to all, what is missing here comes from the others, and nobody waits for the stale ones any more.
//
// Guarantees
// - Nothing is released before it is agreed: until then an op of the stale member might still come.
// - Who remains is more than half of the members, or the half with the lowest id. So never do two parts of a group
//   each go on without the other.
// - What was said is never taken back; it is stored before it is said.

import type { ReplicaId, VersionEntries } from '../../model/version-vector.ts';

export interface StaleState {
  /** Of the membership in which `found` was said. */
  readonly epoch: number;
  /** Those who are stale for this member, each with the last op of it that was here when that was found. */
  readonly found: VersionEntries;
  /** Those of whom all agree, each with the last of its ops that anybody has. */
  readonly agreed: VersionEntries;
}

export const NOBODY_STALE: StaleState = { epoch: 0, found: [], agreed: [] };

export interface StalenessParts {
  readonly self: ReplicaId;
  readonly epoch: number;
  /** Who takes part by the settings, this one included. */
  readonly members: readonly ReplicaId[];
  readonly received: (origin: ReplicaId) => number;
  /** Makes it survive a crash before it returns. */
  readonly store: (state: StaleState) => void;
}

/** What an input led to. */
export type Outcome = 'nothing' | 'found' | 'agreed';

export class Staleness {
  readonly #parts: StalenessParts;
  #state: StaleState;
  /** What others said last. */
  readonly #heard = new Map<ReplicaId, VersionEntries>();

  /** Of `restored` those are left out who take no part any more. */
  constructor(parts: StalenessParts, restored: StaleState = NOBODY_STALE) {
    this.#parts = parts;
    const isMember = ([id]: readonly [ReplicaId, number]): boolean => parts.members.includes(id);
    this.#state = {
      epoch: restored.epoch,
      found: restored.found.filter(isMember),
      agreed: restored.agreed.filter(isMember),
    };
  }

  /**
   * To be called once it is known what was received, before anybody is greeted. In another membership it is said
   * anew what is here of the stale ones: the last that had some of their ops may have gone.
   */
  begin(): void {
    const { epoch } = this.#parts;
    if (this.#state.epoch !== epoch && this.#state.found.length > 0) this.#add([]);
    else if (this.#state.epoch !== epoch) this.#state = { ...this.#state, epoch };
  }

  /** What greetings say. */
  get found(): VersionEntries {
    return this.#state.found;
  }

  get agreed(): ReadonlyMap<ReplicaId, number> {
    return new Map(this.#state.agreed);
  }

  isStale(id: ReplicaId): boolean {
    return idsOf(this.#state.found).has(id);
  }

  /** Those who remain and have not said the same yet. */
  get awaited(): ReplicaId[] {
    const { found } = this.#state;
    return this.#remaining().filter((id) => !saysSame(this.#heard.get(id), found));
  }

  /** Whether these may be found stale: enough members remain. */
  mayFind(ids: readonly ReplicaId[]): boolean {
    const agreed = this.agreed;
    const members = this.#parts.members.filter((id) => !agreed.has(id));
    const remaining = members.filter((id) => !ids.includes(id) && !this.isStale(id));
    if (!remaining.includes(this.#parts.self)) return false;
    const half = members.length / 2;
    if (remaining.length !== half) return remaining.length > half;
    return remaining.includes(Math.min(...members));
  }

  /** Too much is kept for these. */
  find(ids: readonly ReplicaId[]): Outcome {
    const fresh = ids.filter((id) => !this.isStale(id));
    return fresh.length > 0 && this.mayFind(fresh) ? this.#add(fresh) : 'nothing';
  }

  /** What a peer said in its greeting, in the same membership. */
  heard(peer: ReplicaId, found: VersionEntries): Outcome {
    if (this.isStale(peer)) return 'nothing';
    const { self, members } = this.#parts;
    // Of members that are gone by the settings here there is nothing to agree on.
    const known = found.filter(([id]) => members.includes(id));
    this.#heard.set(peer, known);
    const ids = known.map(([id]) => id);
    // It goes on without this one, and says so by refusing it.
    if (ids.includes(self)) return 'nothing';
    const fresh = ids.filter((id) => !this.isStale(id));
    return fresh.length > 0 ? this.#add(fresh) : this.#agree();
  }

  #add(fresh: readonly ReplicaId[]): Outcome {
    const { epoch, received, store } = this.#parts;
    // With those who are stale now the last that had some ops of the earlier ones may be gone: all are said anew.
    const ids = [...idsOf(this.#state.found), ...fresh].sort((a, b) => a - b);
    const state: StaleState = { ...this.#state, epoch, found: ids.map((id) => [id, received(id)]) };
    store(state);
    this.#state = state;
    return this.#agree() === 'agreed' ? 'agreed' : 'found';
  }

  #agree(): Outcome {
    const { epoch, found, agreed } = this.#state;
    if (found.length === 0 || this.awaited.length > 0) return 'nothing';
    const said = this.#remaining().map((id) => new Map(this.#heard.get(id) ?? []));
    const lasts = found.map(([id, here]): [ReplicaId, number] => [
      id,
      Math.max(here, ...said.map((one) => one.get(id) ?? 0)),
    ]);
    if (JSON.stringify(lasts) === JSON.stringify(agreed)) return 'nothing';
    const state = { epoch, found, agreed: lasts };
    this.#parts.store(state);
    this.#state = state;
    return 'agreed';
  }

  /** The others who are not stale. */
  #remaining(): ReplicaId[] {
    const { self, members } = this.#parts;
    return members.filter((id) => id !== self && !this.isStale(id));
  }
}

function idsOf(entries: VersionEntries): Set<ReplicaId> {
  return new Set(entries.map(([id]) => id));
}

function saysSame(said: VersionEntries | undefined, found: VersionEntries): boolean {
  if (said === undefined) return found.length === 0;
  const ids = idsOf(said);
  return found.every(([id]) => ids.has(id)) && ids.size === found.length;
}
