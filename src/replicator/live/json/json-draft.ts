// What a document was before some ops, told from what it is after them. Only what the ops touched is looked into.
// What they removed or replaced is not known: it becomes a ghost, of which nothing is ever shown, but which
// others that have not seen the removal may still refer to.

import { addDecimals, isInteger } from '../../../model/decimal.ts';
import { JsonArray } from './json-array.ts';
import type { JsonElement } from './json-element.ts';
import { JsonNode } from './json-node.ts';
import type { JsonChange } from './json-op.ts';
import type { Path } from './json-path.ts';
import { JsonSlot } from './json-slot.ts';
import { elementsOf, kindOf, membersOf } from './json-text.ts';

/** Elements that were removed: so many, none or one, or nobody here knows how many. */
interface Gone {
  readonly gone: number | 'one or none' | undefined;
}

/** A value: as a text, opened, or unknown. */
type Draft =
  | { kind: 'text'; text: string }
  | { kind: 'object'; members: Map<string, Draft> }
  | { kind: 'array'; elements: (Draft | Gone)[] }
  | { kind: 'ghost' };

export class JsonDraft {
  #root: Draft;
  /** What an op refers to is not there, or cannot be told. */
  isUncertain = false;
  /** Elements that may never have been there. */
  readonly doubtful: JsonElement[] = [];

  /** Undefined: there is no document. */
  constructor(text: string | undefined) {
    this.#root = text === undefined ? { kind: 'ghost' } : { kind: 'text', text };
  }

  /** Takes a change back. Of several the last one goes first. */
  undo(change: JsonChange): void {
    const { path } = change;
    if (change.kind === 'assign' || change.kind === 'delete') {
      this.#undoReplacement(path, change.kind === 'delete');
      return;
    }
    const draft = this.#find(path);
    if (draft === undefined || draft.kind === 'ghost') return;
    switch (change.kind) {
      case 'add':
        if (draft.kind === 'text') draft.text = without(draft.text, change.delta);
        break;
      case 'clear':
        undoClear(draft);
        break;
      default:
        if (draft.kind === 'array') this.#undoArray(draft.elements, change);
    }
  }

  toSlot(): JsonSlot {
    return slotOf(this.#root, this.doubtful);
  }

  #undoReplacement(path: Path, isRemoval: boolean): void {
    const last = path.at(-1);
    if (last === undefined) {
      this.#root = { kind: 'ghost' };
      return;
    }
    const holder = this.#find(path.slice(0, -1));
    if (holder === undefined || holder.kind === 'ghost') return;
    if (typeof last === 'string') {
      if (holder.kind === 'object') holder.members.set(last, { kind: 'ghost' });
    } else if (holder.kind === 'array' && isRemoval) {
      this.#undoRemoval(holder.elements, last);
    } else if (holder.kind === 'array') {
      const at = this.#indexIn(holder.elements, last);
      if (at !== undefined) holder.elements[at] = { kind: 'ghost' };
    }
  }

  /** One that found nothing is in the stream too: of an array that is too short nothing was removed. */
  #undoRemoval(elements: (Draft | Gone)[], index: number): void {
    const left = elements.length;
    const isKnown = !elements.some((e) => 'gone' in e);
    const leftAtLeast = index < 0 ? -index - 1 : index;
    if (isKnown && left < leftAtLeast) return;
    if (isKnown && left === leftAtLeast) {
      elements.splice(index < 0 ? 0 : left, 0, { gone: 'one or none' });
    } else this.#putBack(elements, index < 0 ? left + 1 + index : index, 1);
  }

  #undoArray(
    elements: (Draft | Gone)[],
    change: JsonChange & { kind: 'insert' | 'pop' | 'trim' },
  ): void {
    if (change.kind === 'insert') {
      const count = change.texts.length;
      const before = elements.length - count;
      const at = change.at === 'end' ? before : change.at < 0 ? before + change.at : change.at;
      const part = elements.slice(at, at + count);
      if (part.length < count || at < 0 || part.some((e) => 'gone' in e)) this.isUncertain = true;
      elements.splice(Math.max(0, at), count);
    } else if (change.kind === 'pop') {
      // One that found nothing is in the stream too.
      if (elements.length === 0) elements.push({ gone: 'one or none' });
      else {
        const before = elements.length + 1;
        const at = change.at < 0 ? before + change.at : Math.min(change.at, before - 1);
        this.#putBack(elements, Math.max(0, at), 1);
      }
    } else {
      undoTrim(elements, change.start, change.stop);
    }
  }

  #putBack(elements: (Draft | Gone)[], at: number, count: number): void {
    // Whatever stands beyond elements of unknown number has no known index.
    if (elements.slice(0, at).some((e) => 'gone' in e && e.gone === undefined)) {
      this.isUncertain = true;
    }
    const back = Array.from({ length: count }, (): Draft => ({ kind: 'ghost' }));
    elements.splice(at, 0, ...back);
  }

  #indexIn(elements: (Draft | Gone)[], index: number): number | undefined {
    const at = index < 0 ? elements.length + index : index;
    const passed = index < 0 ? elements.slice(at) : elements.slice(0, at + 1);
    if (elements[at] === undefined || passed.some((e) => 'gone' in e)) {
      this.isUncertain = true;
      return undefined;
    }
    return at;
  }

  /** The value at a path, opened; undefined: it is not there. */
  #find(path: Path): Draft | undefined {
    let draft = opened(this.#root);
    this.#root = draft;
    for (const step of path) {
      if (draft.kind === 'ghost') return draft;
      if (typeof step === 'string') {
        const member: Draft | undefined =
          draft.kind === 'object' ? draft.members.get(step) : undefined;
        if (member === undefined) return undefined;
        const next = opened(member);
        (draft as Draft & { kind: 'object' }).members.set(step, next);
        draft = next;
      } else {
        if (draft.kind !== 'array') return undefined;
        const at = this.#indexIn(draft.elements, step);
        if (at === undefined) return undefined;
        const next = opened(draft.elements[at] as Draft);
        draft.elements[at] = next;
        draft = next;
      }
    }
    return draft;
  }
}

function undoClear(draft: Draft): void {
  if (draft.kind === 'object') draft.members.clear();
  else if (draft.kind === 'array')
    draft.elements.splice(0, draft.elements.length, ...gone(undefined));
}

function undoTrim(elements: (Draft | Gone)[], start: number, stop: number): void {
  const kept = elements.length;
  if (kept === 0) {
    elements.push({ gone: undefined });
    return;
  }
  const head = start >= 0 ? start : undefined;
  const isShorter = start >= 0 && stop >= 0 && kept < stop - start + 1;
  const tail = stop < 0 ? -1 - stop : isShorter ? 0 : undefined;
  if (head !== 0) elements.unshift(...gone(head));
  if (tail !== 0) elements.push(...gone(tail));
}

function gone(count: number | undefined): (Draft | Gone)[] {
  if (count === undefined) return [{ gone: undefined }];
  return Array.from({ length: count }, () => ({ kind: 'ghost' }));
}

function opened(draft: Draft): Draft {
  if (draft.kind !== 'text') return draft;
  const kind = kindOf(draft.text);
  if (kind === 'array') {
    const elements = elementsOf(draft.text).map((text): Draft => ({ kind: 'text', text }));
    return { kind: 'array', elements };
  }
  if (kind !== 'object') return draft;
  const members = new Map<string, Draft>();
  for (const [name, text] of membersOf(draft.text)) members.set(name, { kind: 'text', text });
  return { kind: 'object', members };
}

function without(text: string, delta: string): string {
  const negated = delta.startsWith('-') ? delta.slice(1) : `-${delta.replace(/^\+/, '')}`;
  if (isInteger(text) && isInteger(negated)) return addDecimals(text, negated) ?? text;
  const difference = Number(text) - Number(delta);
  return Number.isFinite(difference) ? String(difference) : text;
}

function slotOf(draft: Draft, doubtful: JsonElement[]): JsonSlot {
  if (draft.kind === 'text') return JsonSlot.of(draft.text, undefined);
  if (draft.kind === 'ghost') return JsonSlot.ofGhost();
  const slot = new JsonSlot();
  if (draft.kind === 'object') {
    const members = new Map<string, JsonSlot>();
    for (const [name, value] of draft.members) members.set(name, slotOf(value, doubtful));
    slot.values.push(JsonNode.ofMembers(members));
  } else {
    slot.values.push(JsonNode.ofArray(arrayOf(draft.elements, doubtful)));
  }
  return slot;
}

/** Elements that were not opened become runs again. */
function arrayOf(elements: readonly (Draft | Gone)[], doubtful: JsonElement[]): JsonArray {
  const array = new JsonArray();
  let texts: string[] = [];
  const flush = (): void => {
    if (texts.length > 0) array.append(texts, undefined);
    texts = [];
  };
  for (const element of elements) {
    if ('kind' in element && element.kind === 'text') {
      texts.push(element.text);
      continue;
    }
    flush();
    if ('gone' in element) {
      if (element.gone === 'one or none') doubtful.push(array.appendGhosts(1));
      else array.appendGhosts(element.gone);
    } else array.appendSlot(slotOf(element, doubtful));
  }
  flush();
  return array;
}
