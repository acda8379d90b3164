// JSON commands as ops whose paths name one place each. What a command with such a path does to objects and arrays
// is in the command. What it makes of a value (a product, a longer text) is read, as is what it leaves of merged
// objects; and where a path may name several places the document is shipped as a whole.

import { isInteger } from '../../model/decimal.ts';
import { OpKind } from '../../model/op.ts';
import type { Command } from '../../resp/command.ts';
import { type Path, parsePath, renderPath } from '../live/json/json-path.ts';
import type { JsonKind } from '../live/json/json-text.ts';
import { argsFrom } from './list-shadow.ts';
import type { Shadows } from './shadows.ts';
import type { OpSink } from './sink.ts';

type Rule = (command: Command) => void;

/** What is made of the value that is read at a path. */
export type JsonPurpose =
  /** It was assigned, if it is of this kind. */
  | { readonly kind: 'assign'; readonly only?: JsonKind }
  /** It was emptied, if it is an object or an array; anything else was assigned. */
  | { readonly kind: 'clear' }
  /** These were added to it. */
  | { readonly kind: 'add'; readonly deltas: readonly string[] }
  /** These were merged into it, and then something was written at these paths within it. */
  | {
      readonly kind: 'merge';
      readonly patches: readonly string[];
      readonly since: readonly Path[];
    };

/** The rules, by name of the command in upper case. `setEndsExpiry`: JSON.SET of the whole document ends its expiry. */
export function jsonRules(
  sink: OpSink,
  shadows: Shadows,
  setEndsExpiry: () => boolean,
): Map<string, Rule> {
  const rules = new JsonRules(sink, shadows, setEndsExpiry);
  const table: [string, Rule][] = [
    ['JSON.SET', (c) => rules.set(c)],
    ['JSON.MSET', (c) => rules.setMany(c)],
    ['JSON.DEL', (c) => rules.remove(c)],
    ['JSON.FORGET', (c) => rules.remove(c)],
    ['JSON.NUMINCRBY', (c) => rules.add(c)],
    ['JSON.NUMMULTBY', (c) => rules.readAt(c, c.arg(2), assigned('number'))],
    ['JSON.NUMPOWBY', (c) => rules.readAt(c, c.arg(2), assigned('number'))],
    ['JSON.STRAPPEND', (c) => rules.readAt(c, pathOr(c, 3), assigned('string'))],
    ['JSON.TOGGLE', (c) => rules.readAt(c, pathOr(c, 2), assigned('literal'))],
    ['JSON.CLEAR', (c) => rules.readAt(c, pathOr(c, 2), { kind: 'clear' })],
    ['JSON.MERGE', (c) => rules.merge(c)],
  ];
  for (const name of ['JSON.ARRAPPEND', 'JSON.ARRINSERT', 'JSON.ARRPOP', 'JSON.ARRTRIM']) {
    table.push([name, (c) => rules.array(name, c)]);
  }
  return new Map(table);
}

/** What is there is of another kind where the command changed nothing. */
function assigned(only: JsonKind): JsonPurpose {
  return { kind: 'assign', only };
}

/** The path, which may be left out unless there are more arguments than so many. */
function pathOr(command: Command, without: number): string {
  return command.argc > without ? command.arg(2) : '.';
}

class JsonRules {
  readonly #sink: OpSink;
  readonly #shadows: Shadows;
  readonly #setEndsExpiry: () => boolean;

  constructor(sink: OpSink, shadows: Shadows, setEndsExpiry: () => boolean) {
    this.#sink = sink;
    this.#shadows = shadows;
    this.#setEndsExpiry = setEndsExpiry;
  }

  set(command: Command): void {
    const [key, pathText, text] = [command.arg(1), command.arg(2), command.arg(3)];
    const options = argsFrom(command, 4).map((option) => option.toUpperCase());
    const isPlain = options.every((option) => option === 'NX' || option === 'XX');
    if (isPlain) this.#assign(key, pathText, text, command.argc === 4 ? command : undefined);
    else this.#sink.readWhole(key);
  }

  setMany(command: Command): void {
    for (let i = 1; i + 2 < command.argc; i += 3) {
      this.#assign(command.arg(i), command.arg(i + 1), command.arg(i + 2), undefined);
    }
  }

  remove(command: Command): void {
    const key = command.arg(1);
    const pathText = command.argc > 2 ? command.arg(2) : '.';
    const path = parsePath(pathText);
    if (path === undefined) this.#sink.readWhole(key);
    else if (path.length === 0) this.#sink.rewritten(OpKind.del, ['DEL', key]);
    else {
      if (typeof path.at(-1) === 'number') this.#sink.shiftJson(key, path.slice(0, -1));
      this.#sink.rewritten(OpKind.json, ['JSON.DEL', key, pathText]);
    }
  }

  add(command: Command): void {
    const [key, pathText, delta] = [command.arg(1), command.arg(2), command.arg(3)];
    const path = parsePath(pathText);
    if (path === undefined) this.#sink.readWhole(key);
    else if (isInteger(delta) && this.#shadows.json.isInteger(key, path)) {
      this.#sink.verbatim(OpKind.json, command, 1);
    } else this.#read(key, path, { kind: 'add', deltas: [delta] });
  }

  readAt(command: Command, pathText: string, purpose: JsonPurpose): void {
    this.#read(command.arg(1), parsePath(pathText), purpose);
  }

  merge(command: Command): void {
    const path = command.argc > 4 ? undefined : parsePath(command.arg(2));
    this.#read(command.arg(1), path, { kind: 'merge', patches: [command.arg(3)], since: [] });
  }

  array(name: string, command: Command): void {
    const key = command.arg(1);
    const path = parsePath(pathOr(command, 2));
    if (path === undefined) {
      this.#sink.readWhole(key);
      return;
    }
    this.#sink.shiftJson(key, path);
    if (command.argc > 2) this.#sink.verbatim(OpKind.json, command, 1);
    else this.#sink.rewritten(OpKind.json, [name, key, '.']);
  }

  #assign(key: string, pathText: string, text: string, command: Command | undefined): void {
    const path = parsePath(pathText);
    if (path === undefined) {
      this.#sink.readWhole(key);
      return;
    }
    const isDocument = path.length === 0;
    const kind = isDocument && this.#setEndsExpiry() ? OpKind.jsonReplace : OpKind.json;
    if (command !== undefined) this.#sink.verbatim(kind, command, 1);
    else this.#sink.rewritten(kind, ['JSON.SET', key, pathText, text]);
  }

  #read(key: string, path: Path | undefined, purpose: JsonPurpose): void {
    const rendered = path === undefined ? undefined : renderPath(path);
    if (path === undefined || rendered === undefined) this.#sink.readWhole(key);
    else this.#sink.readJson(key, path, purpose);
  }
}
