// What a JSON op says, read from its command: pure decoding. Paths name one place, as the op's origin saw the
// document.

import { OpKind } from '../../../model/op.ts';
import type { LiveOp } from '../live-op.ts';
import { type Path, parsePath } from './json-path.ts';

export type JsonChange =
  /** Puts a value in place of whatever is there. */
  | { readonly kind: 'assign'; readonly path: Path; readonly text: string }
  /** Removes a member or an element. */
  | { readonly kind: 'delete'; readonly path: Path }
  /** Adds to a number; `result` is what that gave at the origin, where it is no integer. */
  | {
      readonly kind: 'add';
      readonly path: Path;
      readonly delta: string;
      readonly result: string | undefined;
    }
  /** Puts elements into an array. */
  | {
      readonly kind: 'insert';
      readonly path: Path;
      readonly at: number | 'end';
      readonly texts: readonly string[];
    }
  /** Removes one element; an index beyond an end means that end. */
  | { readonly kind: 'pop'; readonly path: Path; readonly at: number }
  /** Removes what lies outside of these indexes. */
  | { readonly kind: 'trim'; readonly path: Path; readonly start: number; readonly stop: number }
  /** Empties an object or an array. */
  | { readonly kind: 'clear'; readonly path: Path };

/** Decodes an op of one of JSON_KINDS. */
export function jsonChangeOf(op: LiveOp): JsonChange {
  const args = op.args();
  const [name, , pathText = '$', ...rest] = args as [string, string, ...string[]];
  const path = parsePath(pathText);
  if (path === undefined) throw new Error(`${name} names more than one place: ${pathText}`);
  if (op.kind === OpKind.jsonReplace) return { kind: 'assign', path: [], text: rest[0] ?? '' };
  const [first = '', second = ''] = rest;
  switch (name.toUpperCase()) {
    case 'JSON.SET':
      return { kind: 'assign', path, text: first };
    case 'JSON.DEL':
    case 'JSON.FORGET':
      return { kind: 'delete', path };
    case 'JSON.NUMINCRBY':
      return { kind: 'add', path, delta: first, result: undefined };
    case 'JSONADD':
      return { kind: 'add', path, delta: first, result: second };
    case 'JSON.ARRAPPEND':
      return { kind: 'insert', path, at: 'end', texts: rest };
    case 'JSON.ARRINSERT':
      return { kind: 'insert', path, at: Number(first), texts: rest.slice(1) };
    case 'JSON.ARRPOP':
      return { kind: 'pop', path, at: Number(rest[0] ?? -1) };
    case 'JSON.ARRTRIM':
      return { kind: 'trim', path, start: Number(first), stop: Number(second) };
    case 'JSON.CLEAR':
      return { kind: 'clear', path };
    default:
      throw new Error(`${name} is no JSON op`);
  }
}
