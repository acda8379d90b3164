// The consumer groups of a stream as live ops tell about them. Delete wins: a group is there when its creation had
// observed every removal of it that is known, of the group or of the whole key. What was delivered to whom is
// no business of the regions.

import { observed, type Stamp } from '../../../model/op.ts';
import { isNewer } from '../cell.ts';
import type { LiveOp } from '../live-op.ts';
import type { StreamId } from './stream-id.ts';

export interface GroupCreation {
  readonly op: LiveOp;
  readonly id: StreamId;
}

interface Group {
  /** Those that count. */
  readonly creations: readonly GroupCreation[];
  readonly removals: readonly LiveOp[];
}

const NO_GROUP: Group = { creations: [], removals: [] };

export class StreamGroups {
  readonly #groups: Map<string, Group>;

  constructor(groups: ReadonlyMap<string, Group> = new Map()) {
    this.#groups = new Map(groups);
  }

  /** Parts that are kept. */
  get size(): number {
    return this.#groups.size;
  }

  get isAlive(): boolean {
    for (const { creations } of this.#groups.values()) if (creations.length > 0) return true;
    return false;
  }

  get aliveCount(): number {
    return [...this.#groups.values()].filter(({ creations }) => creations.length > 0).length;
  }

  get newest(): LiveOp | undefined {
    let newest: LiveOp | undefined;
    for (const { creations } of this.#groups.values()) {
      for (const { op } of creations) {
        if (newest === undefined || isNewer(op, newest)) newest = op;
      }
    }
    return newest;
  }

  /** The groups that are there, by name, each with the creation that delivers most. */
  get alive(): [string, GroupCreation][] {
    const alive: [string, GroupCreation][] = [];
    for (const [name] of this.#groups) {
      const creation = this.creationOf(name);
      if (creation !== undefined) alive.push([name, creation]);
    }
    return alive.sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Groups that live ops tell to be gone. */
  get destroyed(): string[] {
    const groups = [...this.#groups].filter(([, { creations }]) => creations.length === 0);
    return groups.map(([name]) => name);
  }

  /** Undefined: no live op tells of it, or it is gone. */
  creationOf(name: string): GroupCreation | undefined {
    let first: GroupCreation | undefined;
    for (const creation of this.#groups.get(name)?.creations ?? []) {
      if (first === undefined || creation.id < first.id) first = creation;
    }
    return first;
  }

  /** A removal, or else a creation, that `reader` had not observed. */
  unobserved(name: string, reader: Stamp, removes: boolean): LiveOp | undefined {
    const { creations, removals } = this.#groups.get(name) ?? NO_GROUP;
    const ops = removes ? removals : creations.map(({ op }) => op);
    return ops.find((op) => !observed(reader, op));
  }

  /** Unless a removal of the group that it had not observed keeps it from being there. */
  create(op: LiveOp, name: string, id: StreamId): void {
    const { creations, removals } = this.#groups.get(name) ?? NO_GROUP;
    if (removals.some((removal) => !observed(op, removal))) return;
    const others = creations.filter((c) => !observed(op, c.op));
    this.#groups.set(name, { creations: [...others, { op, id }], removals });
  }

  destroy(op: LiveOp, name: string): void {
    const { removals } = this.#groups.get(name) ?? NO_GROUP;
    this.#groups.set(name, { creations: [], removals: withLatest(removals, op) });
  }

  /** The key was removed: all groups go, seen or not. */
  removeAll(): void {
    for (const [name, { removals }] of this.#groups) {
      this.#set(name, { creations: [], removals });
    }
  }

  /** The key was removed by an op that took effect late: what had observed it meanwhile stays. */
  removeAllBefore(op: LiveOp): void {
    for (const [name, { creations, removals }] of this.#groups) {
      this.#set(name, { creations: creations.filter((c) => observed(c.op, op)), removals });
    }
  }

  /** Another type was written by an op that saw no stream, or the whole value anew. */
  removeObserved(reader: LiveOp): void {
    for (const [name, { creations, removals }] of this.#groups) {
      this.#set(name, { creations: creations.filter((c) => !observed(reader, c.op)), removals });
    }
  }

  prune(stable: (op: LiveOp) => boolean): void {
    for (const [name, { creations, removals }] of this.#groups) {
      this.#set(name, {
        creations: creations.filter(({ op }) => !stable(op)),
        removals: removals.filter((op) => !stable(op)),
      });
    }
  }

  fork(): StreamGroups {
    return new StreamGroups(this.#groups);
  }

  #set(name: string, group: Group): void {
    if (group.creations.length === 0 && group.removals.length === 0) this.#groups.delete(name);
    else this.#groups.set(name, group);
  }
}

/** Whoever had observed the last removal by an origin had observed those before it. */
function withLatest(removals: readonly LiveOp[], op: LiveOp): LiveOp[] {
  return [...removals.filter((r) => r.origin !== op.origin), op];
}
