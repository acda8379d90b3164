// Writes to a key, on which concurrent ops have met, that leave no trace in the table of cells: removals, and
// who added last to a value with a structure of its own. What had not seen them meets them only here.
// Nothing is merged by this: it is for those who want to know what became of two writes.
//
// Bounded: the last few removals of a key, and one addition for each member.

import { observed, type Stamp } from '../../../model/op.ts';
import type { Slot, VersionVector } from '../../../model/version-vector.ts';
import { isNewer } from '../cell.ts';
import type { Effect, ValueClass } from '../effect.ts';
import type { LiveOp } from '../live-op.ts';

const REMOVALS_MAX = 16;

/** What a removal took away. Its op is not kept: that would keep the frame it came in. */
export class Removal implements Stamp {
  readonly origin: Slot;
  readonly seq: number;
  readonly timestamp: number;
  readonly deps: VersionVector;
  readonly command: string;
  readonly bytes: number;
  /** The key was removed to be written anew. */
  readonly isReplaced: boolean;
  readonly #effect: Effect;
  /** Made when it is first asked for. */
  #names: ReadonlySet<string> | undefined;

  constructor(op: LiveOp, effect: Effect) {
    this.origin = op.origin;
    this.seq = op.seq;
    this.timestamp = op.timestamp;
    this.deps = op.deps;
    this.command = op.command;
    this.bytes = op.bytes;
    this.isReplaced = op.isReplaced;
    this.#effect = effect;
  }

  get coversKey(): boolean {
    return this.#effect.coversKey;
  }

  took(valueClass: ValueClass, name: string): boolean {
    const { coversKey, retains, cells } = this.#effect;
    if (coversKey || this.#effect.valueClass !== valueClass) return coversKey;
    if (retains !== undefined) return !retains.has(name);
    this.#names ??= new Set(cells.map((cell) => cell.name));
    return this.#names.has(name);
  }
}

interface Addition {
  readonly op: LiveOp;
  readonly valueClass: ValueClass;
}

/** Whether such a write is worth to be remembered. */
export function isNoted(effect: Effect): boolean {
  return isRemoval(effect) || isAddition(effect);
}

function isRemoval({ adds, coversKey, retains, cells }: Effect): boolean {
  if (adds) return false;
  const takes = coversKey || retains !== undefined || cells.length > 0;
  return takes && !cells.some((cell) => cell.unknown === true);
}

/** Adds to a value that is no cells by name. */
function isAddition({ adds, cells, valueClass }: Effect): boolean {
  return adds && cells.length === 0 && valueClass !== undefined;
}

export class RecentWrites {
  #removals: Removal[] = [];
  /** By slot. */
  #additions: (Addition | undefined)[] = [];

  add(op: LiveOp, effect: Effect): void {
    if (isRemoval(effect)) {
      this.#removals.push(new Removal(op, effect));
      if (this.#removals.length > REMOVALS_MAX) this.#removals.shift();
    } else if (effect.valueClass !== undefined) {
      this.#additions[op.origin] = { op, valueClass: effect.valueClass };
    }
  }

  /** Removals that `op` had not seen, the last one last. */
  removalsUnseenBy(op: LiveOp): Removal[] {
    return this.#removals.filter((removal) => !observed(op, removal));
  }

  /** The newest addition to a value of this class that `op` had not seen. */
  additionUnseenBy(op: LiveOp, valueClass: ValueClass): LiveOp | undefined {
    let newest: LiveOp | undefined;
    for (const addition of this.#additions) {
      if (addition?.valueClass !== valueClass || observed(op, addition.op)) continue;
      if (addition.op.origin === op.origin) continue;
      if (newest === undefined || isNewer(addition.op, newest)) newest = addition.op;
    }
    return newest;
  }

  /** Forgets what every member has. */
  prune(frontier: VersionVector): void {
    const isLive = ({ seq, origin }: Stamp) => seq > (frontier[origin] as number);
    this.#removals = this.#removals.filter(isLive);
    this.#additions = this.#additions.map((addition) =>
      addition !== undefined && isLive(addition.op) ? addition : undefined,
    );
  }
}
