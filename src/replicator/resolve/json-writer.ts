// The commands that make a JSON document in the engine what its parts say. All changes of a batch are written at
// once: what has changed since the document was last marked as shown, each at its own path, and nothing else.

import { OpKind } from '../../model/op.ts';
import type { CommandWriter } from '../../resp/command-writer.ts';
import type { JsonArray } from '../live/json/json-array.ts';
import type { JsonElement } from '../live/json/json-element.ts';
import type { JsonNode } from '../live/json/json-node.ts';
import { type Path, parsePath, renderPath } from '../live/json/json-path.ts';
import type { JsonSlot } from '../live/json/json-slot.ts';
import type { JsonValue } from '../live/json/json-value.ts';
import type { LiveOp } from '../live/live-op.ts';
import { REBUILD_SCRIPT } from './scripts.ts';
import { batched } from './values.ts';

/** More elements than this are not popped one by one. */
const POPS_MAX = 16;

/** Writes an op that no engine command says, in an engine that shows what its origin saw. */
export function writeJsonOp(op: LiveOp, out: CommandWriter): void {
  const [name, key, path, , result] = op.args() as [string, string, string, string, string];
  // What the increment gave at its origin it gives here too.
  if (name === 'JSONADD') out.command(['JSON.SET', key, path, result]);
  else if (op.kind === OpKind.json && name === 'JSON.SET' && parsePath(path)?.length === 0) {
    // It says what another command left of the document; in some modules JSON.SET would end the expiry.
    writeDocument(key, op.args()[3] as string, out);
  } else out.raw(op.buffer, op.rawAt, op.rawEnd);
}

/** Writes what has changed since the document was last marked as shown, and marks it. */
export function writeJsonChanges(
  key: string,
  json: JsonValue,
  heldBack: ReadonlySet<LiveOp>,
  out: CommandWriter,
): void {
  if (json.isOpen) return;
  const { root } = json;
  const winner = root.winner(heldBack);
  if (winner === undefined) {
    if (root.shownNode !== undefined) out.command(['UNLINK', key]);
  } else if (winner !== root.shownNode || winner.isScalar) {
    const text = root.text(heldBack) as string;
    if (winner !== root.shownNode || text !== root.shownText) writeDocument(key, text, out);
  } else {
    const changes = new Changes(key, heldBack);
    if (changes.inside(winner, [])) for (const args of changes.commands) out.command(args);
    else writeDocument(key, root.text(heldBack) as string, out);
  }
  json.markShown(heldBack);
}

/** The whole of it; the time to live stays. */
function writeDocument(key: string, text: string, out: CommandWriter): void {
  out.command(['EVAL', REBUILD_SCRIPT, '1', key, '1', '4', 'JSON.SET', key, '$', text]);
}

/** Gathers commands, in the order in which they keep paths true. Methods return false where a part cannot be
 * written by itself: then what it is part of is written as a whole. */
class Changes {
  readonly commands: string[][] = [];
  readonly #key: string;
  readonly #heldBack: ReadonlySet<LiveOp>;

  constructor(key: string, heldBack: ReadonlySet<LiveOp>) {
    this.#key = key;
    this.#heldBack = heldBack;
  }

  inside(node: JsonNode, path: Path): boolean {
    for (const [name, slot] of node.openMembers ?? []) {
      if (!this.#place(slot, [...path, name])) return false;
    }
    const array = node.openArray;
    return array === undefined || this.#array(array, path);
  }

  /** A member or an element. */
  #place(slot: JsonSlot, path: Path): boolean {
    const winner = slot.winner(this.#heldBack);
    if (winner === undefined) return slot.shownNode === undefined || this.#add('JSON.DEL', path);
    if (winner !== slot.shownNode) return this.#assign(slot, path);
    if (winner.isScalar) {
      return slot.text(this.#heldBack) === slot.shownText || this.#assign(slot, path);
    }
    const { length } = this.commands;
    if (this.inside(winner, path)) return true;
    this.commands.length = length;
    return this.#assign(slot, path);
  }

  #assign(slot: JsonSlot, path: Path): boolean {
    return this.#add('JSON.SET', path, slot.text(this.#heldBack) as string);
  }

  #array(array: JsonArray, path: Path): boolean {
    let at = 0;
    let gone = 0;
    let added: string[] = [];
    /** What stands between two elements that stay. */
    const close = (isEnd: boolean): boolean => {
      if (gone > 0 && !this.#drop(path, at, gone, isEnd)) return false;
      if (added.length > 0 && !this.#insert(path, isEnd ? undefined : at, added)) return false;
      at += added.length;
      gone = 0;
      added = [];
      return true;
    };
    for (const element of array.elements()) {
      const shows = element.isShown(this.#heldBack);
      if (shows && element.wasShown) {
        if (!close(false)) return false;
        if (element.slot !== undefined && !this.#place(element.slot, [...path, at])) return false;
        at += element.count as number;
      } else if (shows) added.push(...textsOf(element, this.#heldBack));
      else if (element.wasShown) gone += element.count as number;
    }
    return close(true);
  }

  #insert(path: Path, at: number | undefined, texts: readonly string[]): boolean {
    const rendered = renderPath(path);
    if (rendered === undefined) return false;
    const head =
      at === undefined
        ? ['JSON.ARRAPPEND', this.#key, rendered]
        : ['JSON.ARRINSERT', this.#key, rendered, String(at)];
    const commands = batched(head, texts, 1);
    // What is inserted at one place goes there in the reverse order.
    this.commands.push(...(at === undefined ? commands : commands.reverse()));
    return true;
  }

  /** Removes elements from one place on; `isEnd`: there are no others behind them. */
  #drop(path: Path, at: number, count: number, isEnd: boolean): boolean {
    if (count <= POPS_MAX) {
      for (let i = 0; i < count; i++) {
        if (!this.#add('JSON.ARRPOP', path, String(at))) return false;
      }
      return true;
    }
    if (isEnd && at === 0) return this.#add('JSON.ARRTRIM', path, '1', '0');
    if (isEnd) return this.#add('JSON.ARRTRIM', path, '0', String(at - 1));
    return at === 0 && this.#add('JSON.ARRTRIM', path, String(count), '-1');
  }

  #add(name: string, path: Path, ...rest: string[]): boolean {
    const rendered = renderPath(path);
    if (rendered === undefined) return false;
    this.commands.push([name, this.#key, rendered, ...rest]);
    return true;
  }
}

function textsOf({ slot, texts }: JsonElement, heldBack: ReadonlySet<LiveOp>): readonly string[] {
  if (slot === undefined) return texts;
  const text = slot.text(heldBack);
  return text === undefined ? [] : [text];
}
