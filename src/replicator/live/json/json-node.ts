// One value in a document. As long as no op went into it, it is the text that it is; then it is opened, one
// level at a time.

import { observed } from '../../../model/op.ts';
import type { LiveOp } from '../live-op.ts';
import { JsonArray } from './json-array.ts';
import { JsonSlot } from './json-slot.ts';
import { elementsOf, kindOf, membersOf, quote } from './json-text.ts';

const NOTHING_HELD_BACK: ReadonlySet<LiveOp> = new Set();

export class JsonNode {
  /** Put it there, itself or as part of a larger value; undefined: everybody has it. */
  op: LiveOp | undefined;
  /** Ops that replaced or removed it. */
  removals: LiveOp[] = [];
  #text: string | undefined;
  #members: Map<string, JsonSlot> | undefined;
  #array: JsonArray | undefined;
  /** The engine shows it, while commands for the engine are worked out. */
  wasShown = false;

  /** Without a text: a value that is gone, and that nobody here knows. */
  constructor(text: string | undefined, op: LiveOp | undefined) {
    this.#text = text;
    this.op = op;
  }

  static ofMembers(members: Map<string, JsonSlot>): JsonNode {
    const node = new JsonNode(undefined, undefined);
    node.#members = members;
    return node;
  }

  static ofArray(array: JsonArray): JsonNode {
    const node = new JsonNode(undefined, undefined);
    node.#array = array;
    return node;
  }

  get isGhost(): boolean {
    return this.#text === undefined && this.#members === undefined && this.#array === undefined;
  }

  get isScalar(): boolean {
    return this.#text !== undefined && !/^\s*[[{]/.test(this.#text);
  }

  /** The smallest shows. */
  get rank(): number {
    return this.op?.origin ?? Number.POSITIVE_INFINITY;
  }

  isKnownTo(reader: LiveOp): boolean {
    return this.op === undefined || this.op === reader || observed(reader, this.op);
  }

  isVisibleTo(reader: LiveOp): boolean {
    if (!this.isKnownTo(reader)) return false;
    return !this.removals.some((removal) => observed(reader, removal));
  }

  isShown(heldBack: ReadonlySet<LiveOp>): boolean {
    return this.removals.every((removal) => heldBack.has(removal));
  }

  isStable(stable: (op: LiveOp) => boolean): boolean {
    return this.op === undefined || stable(this.op);
  }

  setText(text: string): void {
    this.#text = text;
  }

  /** Its members, if it is an object. */
  get members(): Map<string, JsonSlot> | undefined {
    if (
      this.#members === undefined &&
      this.#text !== undefined &&
      kindOf(this.#text) === 'object'
    ) {
      this.#members = new Map();
      for (const [name, text] of membersOf(this.#text)) {
        const slot = JsonSlot.of(text, this.op);
        if (this.wasShown) slot.markShown(NOTHING_HELD_BACK);
        this.#members.set(name, slot);
      }
      this.#text = undefined;
    }
    return this.#members;
  }

  /** Its elements, if it is an array. */
  get array(): JsonArray | undefined {
    if (this.#array === undefined && this.#text !== undefined && kindOf(this.#text) === 'array') {
      this.#array = new JsonArray();
      const texts = elementsOf(this.#text);
      if (texts.length > 0) this.#array.append(texts, this.op).wasShown = this.wasShown;
      this.#text = undefined;
    }
    return this.#array;
  }

  /** The members that are opened, and nothing else. */
  get openMembers(): Map<string, JsonSlot> | undefined {
    return this.#members;
  }

  get openArray(): JsonArray | undefined {
    return this.#array;
  }

  render(heldBack: ReadonlySet<LiveOp>): string {
    if (this.#members !== undefined) {
      const parts: string[] = [];
      for (const [name, slot] of this.#members) {
        const text = slot.text(heldBack);
        if (text !== undefined) parts.push(`${quote(name)}:${text}`);
      }
      return `{${parts.join(',')}}`;
    }
    if (this.#array !== undefined) {
      const parts: string[] = [];
      for (const { texts, slot, isShown } of shownElements(this.#array, heldBack)) {
        if (!isShown) continue;
        const text = slot?.text(heldBack);
        if (slot === undefined) parts.push(...texts);
        else if (text !== undefined) parts.push(text);
      }
      return `[${parts.join(',')}]`;
    }
    return this.#text ?? 'null';
  }

  /** The text, when nothing in it can still change because of what somebody has not seen. */
  plainText(stable: (op: LiveOp) => boolean): string | undefined {
    if (this.#members !== undefined) {
      for (const slot of this.#members.values()) {
        if (slot.values.length > 0 && slot.plainText(stable) === undefined) return undefined;
      }
    }
    if (this.#array !== undefined) {
      for (const { op, removals, slot } of this.#array.elements()) {
        if (op !== undefined || removals.length > 0) return undefined;
        if (slot !== undefined && slot.plainText(stable) === undefined) return undefined;
      }
    }
    return this.isGhost ? undefined : this.render(NOTHING_HELD_BACK);
  }

  /** Everything alive in it, and who put it there. */
  *aliveOps(): Generator<LiveOp> {
    if (this.op !== undefined) yield this.op;
    for (const slot of this.#members?.values() ?? []) yield* slot.aliveOps();
    for (const { op, removals, slot } of this.#array?.elements() ?? []) {
      if (removals.length > 0) continue;
      if (op !== undefined) yield op;
      if (slot !== undefined) yield* slot.aliveOps();
    }
  }

  markShown(heldBack: ReadonlySet<LiveOp>): void {
    for (const slot of this.#members?.values() ?? []) slot.markShown(heldBack);
    for (const element of this.#array?.elements() ?? []) {
      element.wasShown = element.isShown(heldBack);
      element.slot?.markShown(heldBack);
    }
  }

  prune(stable: (op: LiveOp) => boolean): void {
    for (const [name, slot] of this.#members ?? []) {
      slot.prune(stable);
      if (slot.values.length === 0) this.#members?.delete(name);
    }
    this.#array?.prune(stable);
    if (this.#members === undefined && this.#array === undefined) return;
    if (this.op !== undefined || this.removals.length > 0) return;
    const text = this.plainText(stable);
    if (text === undefined) return;
    this.#text = text;
    this.#members = undefined;
    this.#array = undefined;
  }

  clone(): JsonNode {
    const copy = new JsonNode(this.#text, this.op);
    copy.removals = this.removals.slice();
    if (this.#members !== undefined) {
      copy.#members = new Map([...this.#members].map(([name, slot]) => [name, slot.clone()]));
    }
    copy.#array = this.#array?.clone();
    return copy;
  }
}

function* shownElements(array: JsonArray, heldBack: ReadonlySet<LiveOp>) {
  for (const element of array.elements()) {
    yield { texts: element.texts, slot: element.slot, isShown: element.isShown(heldBack) };
  }
}
