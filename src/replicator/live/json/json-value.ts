// A JSON document as live ops tell about it. Objects merge by member and arrays by element; of values that were
// put in one place by regions that had not seen each other the one of the smallest replica id shows; numbers add
// up; what is removed is gone with all that was changed in it.
//
// While no two ops on the document were concurrent they are only kept (`isOpen`). When the first concurrent one
// comes, the document is asked of the engine, and what it was before the live ops is told from that.

import { JSON_KINDS, observed } from '../../../model/op.ts';
import { isNewer } from '../cell.ts';
import type { LiveOp } from '../live-op.ts';
import type { LiveValue } from '../live-value.ts';
import { AMBIGUOUS, type JsonArray } from './json-array.ts';
import { JsonDraft } from './json-draft.ts';
import type { JsonNode } from './json-node.ts';
import { type JsonChange, jsonChangeOf } from './json-op.ts';
import type { Path } from './json-path.ts';
import { JsonSlot } from './json-slot.ts';

const NOTHING_HELD_BACK: ReadonlySet<LiveOp> = new Set();

export class JsonValue implements LiveValue {
  #root = new JsonSlot();
  /** Ops that wait for the document; undefined once it is known. */
  #waiting: LiveOp[] | undefined = [];
  /** Per slot the last sequence that wrote to the document. */
  #lastSeqs: number[] = [];
  /** What is not yet stable, with its number in the order in which it came. */
  #unstable: { readonly op: LiveOp; readonly number: number }[] = [];
  #count = 0;
  /** How many ops had come when the document was last put down in the log. */
  #recordedAt = 0;
  /** An op refers to what cannot be told here. */
  #isUncertain = false;

  /** The document is not known: see `settle`. */
  get isOpen(): boolean {
    return this.#waiting !== undefined;
  }

  /** Whether something was guessed since this was asked last: then this member asserts what shows here. */
  takeDoubt(): boolean {
    const was = this.#isUncertain;
    this.#isUncertain = false;
    return was;
  }

  get root(): JsonSlot {
    return this.#root;
  }

  get isAlive(): boolean {
    if (this.#waiting !== undefined) return this.#waiting.length > 0;
    return this.#root.winner(NOTHING_HELD_BACK) !== undefined;
  }

  get newest(): LiveOp | undefined {
    if (this.#waiting !== undefined) return this.#waiting.at(-1);
    let newest: LiveOp | undefined;
    for (const op of this.#root.aliveOps()) {
      if (newest === undefined || isNewer(op, newest)) newest = op;
    }
    return newest;
  }

  get size(): number {
    return this.#count;
  }

  /** What clients read; undefined: nothing, or nobody here knows. */
  text(heldBack: ReadonlySet<LiveOp>): string | undefined {
    return this.#waiting === undefined ? this.#root.text(heldBack) : undefined;
  }

  markShown(heldBack: ReadonlySet<LiveOp> | 'hidden'): void {
    if (heldBack === 'hidden') this.#root.markHidden();
    else this.#root.markShown(heldBack);
  }

  hasUnobserved(op: LiveOp): boolean {
    return this.#lastSeqs.some(
      (seq, slot) => slot !== op.origin && seq > (op.deps[slot] as number),
    );
  }

  /** Ops that this one had not observed, the newest first. */
  *unseenBy(op: LiveOp): Generator<LiveOp> {
    for (let i = this.#unstable.length - 1; i >= 0; i--) {
      const other = this.#unstable[i]?.op as LiveOp;
      if (JSON_KINDS.has(other.kind) && !observed(op, other)) yield other;
    }
  }

  // --- the document -------------------------------------------------------------------------------

  /** The engine shows this, now that all ops so far are in it; undefined: no document. */
  settle(text: string | undefined): void {
    const waiting = this.#waiting;
    this.#recordedAt = this.#count;
    if (waiting === undefined) return;
    if (text === undefined) {
      this.#begin(new JsonSlot());
      this.#isUncertain = waiting.length > 0;
      return;
    }
    const draft = new JsonDraft(text);
    for (const op of waiting.toReversed()) draft.undo(jsonChangeOf(op));
    this.#begin(draft.toSlot());
    this.#isUncertain = draft.isUncertain;
    for (const op of waiting) this.#apply(op, true);
    for (const element of draft.doubtful) element.isDoubtful = true;
  }

  /** Everything that was there before `op` is gone. */
  beginAfter(op: LiveOp): void {
    const ghost = JsonSlot.ofGhost();
    ghost.removeObserved(op);
    this.#begin(ghost);
  }

  /** Whether whoever replays the log would know the document from it, as far as it is needed. */
  get isRecorded(): boolean {
    const [first] = this.#unstable;
    return first !== undefined && first.number <= this.#recordedAt;
  }

  #begin(root: JsonSlot): void {
    this.#root = root;
    this.#waiting = undefined;
  }

  // --- ops ----------------------------------------------------------------------------------------

  integrate(op: LiveOp): void {
    this.#lastSeqs[op.origin] = op.seq;
    this.#note(op);
    if (this.#waiting !== undefined) this.#waiting.push(op);
    else this.#apply(op);
  }

  removeObserved(op: LiveOp): void {
    this.#note(op);
    if (this.#waiting !== undefined) {
      // What was there before is gone and need not be known, but others may have seen what came later.
      const waiting = this.#waiting;
      this.#begin(JsonSlot.ofGhost());
      for (const earlier of waiting) this.#apply(earlier);
      this.#isUncertain = !waiting.every((earlier) => observed(op, earlier));
    }
    this.#root.removeObserved(op);
  }

  #note(op: LiveOp): void {
    this.#unstable.push({ op, number: ++this.#count });
  }

  /** Where there is nothing to change, there was nothing at the op's origin. `isKnown`: the document that it led
   * to was seen. */
  #apply(op: LiveOp, isKnown = false): void {
    const change = jsonChangeOf(op);
    const { path } = change;
    if (change.kind === 'assign' || change.kind === 'delete') {
      this.#replace(op, path, change.kind === 'assign' ? change.text : undefined);
      return;
    }
    const slot = this.#find(op, path);
    const node = slot?.seenBy(op);
    if (slot === undefined || node === undefined) return;
    if (change.kind === 'add') slot.add(op, change.delta, change.result);
    else if (node.isGhost) return;
    else if (change.kind === 'clear') clear(op, node);
    else if (node.array !== undefined && !changeArray(op, node.array, change)) {
      if (isKnown && change.kind !== 'insert') node.array.removeUncounted(op);
      else this.#isUncertain = true;
    }
  }

  /** Puts a text, or nothing, in place of what `op` had observed there. */
  #replace(op: LiveOp, path: Path, text: string | undefined): void {
    const last = path.at(-1);
    if (last === undefined) {
      if (text !== undefined) this.#root.assign(op, text);
      return;
    }
    const holder = this.#find(op, path.slice(0, -1))?.seenBy(op);
    if (holder === undefined || holder.isGhost) return;
    if (typeof last === 'string') {
      const { members } = holder;
      if (members === undefined) return;
      let slot = members.get(last);
      if (slot === undefined) {
        slot = new JsonSlot();
        members.set(last, slot);
      }
      if (text === undefined) slot.removeObserved(op);
      else slot.assign(op, text);
      return;
    }
    const element = holder.array?.elementAt(op, last);
    if (element === AMBIGUOUS) this.#isUncertain = true;
    else if (text === undefined) element?.removals.push(op);
    else element?.slot?.assign(op, text);
  }

  /** The place that `op` names, as it saw the document; undefined: there is none, or it is in what is gone. */
  #find(op: LiveOp, path: Path): JsonSlot | undefined {
    let slot: JsonSlot | undefined = this.#root;
    for (const step of path) {
      const node: JsonNode | undefined = slot.seenBy(op);
      if (node === undefined || node.isGhost) return undefined;
      if (typeof step === 'string') slot = node.members?.get(step);
      else {
        const element = node.array?.elementAt(op, step);
        if (element === AMBIGUOUS) this.#isUncertain = true;
        slot = element === AMBIGUOUS ? undefined : element?.slot;
      }
      if (slot === undefined) return undefined;
    }
    return slot;
  }

  // --- forgetting ---------------------------------------------------------------------------------

  prune(stable: (op: LiveOp) => boolean): number {
    this.#unstable = this.#unstable.filter(({ op }) => !stable(op));
    if (this.#unstable.length === 0) return 0;
    if (this.#waiting !== undefined) this.#waiting = this.#waiting.filter((op) => !stable(op));
    else this.#root.prune(stable);
    return this.#unstable.length;
  }

  clone(): JsonValue {
    const copy = new JsonValue();
    copy.#root = this.#root.clone();
    copy.#waiting = this.#waiting?.slice();
    copy.#lastSeqs = [...this.#lastSeqs];
    copy.#unstable = this.#unstable.slice();
    copy.#count = this.#count;
    copy.#recordedAt = this.#recordedAt;
    copy.#isUncertain = this.#isUncertain;
    return copy;
  }
}

function clear(op: LiveOp, { members, array }: JsonNode): void {
  if (members !== undefined) for (const slot of members.values()) slot.removeObserved(op);
  else array?.clear(op);
}

/** False: it cannot be told what the change is. */
function changeArray(
  op: LiveOp,
  array: JsonArray,
  change: JsonChange & { kind: 'insert' | 'pop' | 'trim' },
): boolean {
  if (change.kind === 'insert') return array.insert(op, change.at, change.texts);
  if (change.kind === 'pop') return array.pop(op, change.at);
  return array.trim(op, change.start, change.stop);
}
