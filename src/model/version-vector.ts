// Version vectors over the members of a group (Parker et al. 1983; here by "slot").
//
// A replica id (a number that is never reused) names one incarnation of one engine. Inside a
// process every replica id is given a dense slot, so that a version vector is an array and a
// comparison costs one load per member. Ids cross process boundaries; slots never do.

import { assert } from '../base/assert.ts';

/** Names one incarnation of one engine: 1 to 2^32-1, never reused within a group. */
export type ReplicaId = number;

/** Dense index of a replica id inside this process. */
export type Slot = number;

/** Per slot the highest sequence number covered; 0 covers nothing. */
export type VersionVector = Float64Array;

/** A version vector as it travels: replica ids with their sequence numbers. */
export type VersionEntries = readonly (readonly [ReplicaId, number])[];

/** The replica ids that this process knows, in slot order. */
export class Replicas {
  readonly ids: readonly ReplicaId[];
  readonly #slots = new Map<ReplicaId, Slot>();

  constructor(ids: readonly ReplicaId[]) {
    this.ids = [...ids];
    ids.forEach((id, slot) => {
      assert(!this.#slots.has(id), `replica id ${id} is given twice`);
      this.#slots.set(id, slot);
    });
  }

  get count(): number {
    return this.ids.length;
  }

  /** The slot of `id`, or undefined when this process has never heard of it. */
  slotOf(id: ReplicaId): Slot | undefined {
    return this.#slots.get(id);
  }

  idOf(slot: Slot): ReplicaId {
    const id = this.ids[slot];
    assert(id !== undefined, `no replica in slot ${slot}`);
    return id;
  }

  emptyVector(): VersionVector {
    return new Float64Array(this.ids.length);
  }

  /** By slot instead of by id; ids unknown to this process are left out. */
  slotsOf<Value>(byId: ReadonlyMap<ReplicaId, Value>): Map<Slot, Value> {
    const bySlot = new Map<Slot, Value>();
    for (const [id, value] of byId) {
      const slot = this.#slots.get(id);
      if (slot !== undefined) bySlot.set(slot, value);
    }
    return bySlot;
  }

  toEntries(vector: VersionVector): [ReplicaId, number][] {
    return this.ids.map((id, slot) => [id, vector[slot] as number]);
  }

  /** Ids unknown to this process are left out: nothing here can depend on them. */
  fromEntries(entries: VersionEntries): VersionVector {
    const vector = this.emptyVector();
    for (const [id, seq] of entries) {
      const slot = this.#slots.get(id);
      if (slot !== undefined) vector[slot] = seq;
    }
    return vector;
  }
}

/** Whether `a` covers everything that `b` covers. */
export function covers(a: VersionVector, b: VersionVector): boolean {
  for (let i = 0; i < b.length; i++) if ((a[i] as number) < (b[i] as number)) return false;
  return true;
}

/** Writes the pointwise minimum of `a` and `b` into `a`. */
export function lowerTo(a: VersionVector, b: VersionVector): void {
  for (let i = 0; i < a.length; i++) {
    if ((b[i] as number) < (a[i] as number)) a[i] = b[i] as number;
  }
}

export function sameVector(a: VersionVector, b: VersionVector): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
