// What is known of a list in the engine: its length, and for short lists its values. It follows the
// replication stream, so that a command whose effect depends on the list can be told exactly.

import type { Command } from '../../resp/command.ts';
import { trimmed } from '../live/lists/list-op.ts';

/** Values are kept of lists no longer than this. */
export const LIST_VALUES_MAX = 512;
const VALUES_BYTES_MAX = 64 * 1024;

export class ListShadow {
  #length: number;
  #values: string[] | undefined;
  #valueBytes = 0;

  constructor(length: number, values: readonly string[] | undefined) {
    this.#length = length;
    this.#values = values === undefined ? undefined : [...values];
    for (const value of this.#values ?? []) this.#valueBytes += value.length;
    this.#bound();
  }

  get length(): number {
    return this.#length;
  }

  /** From head to tail; undefined when only the length is known. */
  get values(): readonly string[] | undefined {
    return this.#values;
  }

  /** A rough figure for what this holds in memory. */
  get bytes(): number {
    return 100 + this.#valueBytes + (this.#values?.length ?? 0) * 30;
  }

  push(values: readonly string[], end: 'head' | 'tail'): void {
    this.#length += values.length;
    const own = this.#values;
    if (own === undefined) return;
    for (const value of values) {
      this.#valueBytes += value.length;
      if (end === 'tail') own.push(value);
      else own.unshift(value);
    }
    this.#bound();
  }

  /** Takes so many elements off each end, fewer where fewer are there. */
  trim(head: number, tail: number): void {
    const values = this.#values;
    const length = Math.max(0, this.#length - head - tail);
    if (values !== undefined) {
      for (const value of values.splice(0, head)) this.#valueBytes -= value.length;
      if (tail > 0) for (const value of values.splice(-tail)) this.#valueBytes -= value.length;
    } else if (length === 0) {
      this.#values = [];
      this.#valueBytes = 0;
    }
    this.#length = length;
  }

  /** The value at an end; undefined when it is not known. */
  valueAt(end: 'head' | 'tail'): string | undefined {
    return this.#values?.at(end === 'head' ? 0 : -1);
  }

  assign(at: number, value: string): void {
    const values = this.#values;
    if (values === undefined) return;
    const index = at < 0 ? values.length + at : at;
    this.#valueBytes += value.length - (values[index]?.length ?? 0);
    values[index] = value;
  }

  insert(at: number, value: string): void {
    this.#length++;
    this.#values?.splice(at, 0, value);
    this.#valueBytes += value.length;
    this.#bound();
  }

  /** Removes the elements at these places, ascending. */
  removeAt(places: readonly number[]): void {
    this.#length -= places.length;
    const gone = new Set(places);
    this.#values = this.#values?.filter((value, at) => {
      if (gone.has(at)) this.#valueBytes -= value.length;
      return !gone.has(at);
    });
  }

  /** The places of the elements that LREM removes, ascending; undefined when values are not known. */
  placesEqual(count: number, value: string): number[] | undefined {
    const values = this.#values;
    if (values === undefined) return undefined;
    const places: number[] = [];
    values.forEach((own, at) => {
      if (own === value) places.push(at);
    });
    if (count > 0) return places.slice(0, count);
    return count < 0 ? places.slice(count) : places;
  }

  #bound(): void {
    const values = this.#values;
    if (values === undefined) return;
    if (values.length <= LIST_VALUES_MAX && this.#valueBytes <= VALUES_BYTES_MAX) return;
    this.#values = undefined;
    this.#valueBytes = 0;
  }
}

/** Applies a command of one list to its shadow; false when the shadow can no longer be trusted. */
export function followList(name: string, shadow: ListShadow, command: Command): boolean {
  switch (name) {
    case 'RPUSH':
    case 'RPUSHX':
      shadow.push(argsFrom(command, 2), 'tail');
      return true;
    case 'LPUSH':
    case 'LPUSHX':
      shadow.push(argsFrom(command, 2), 'head');
      return true;
    case 'LPOP':
      shadow.trim(popCount(command), 0);
      return true;
    case 'RPOP':
      shadow.trim(0, popCount(command));
      return true;
    case 'LTRIM': {
      const { head, tail } = trimmed(shadow.length, Number(command.arg(2)), Number(command.arg(3)));
      shadow.trim(head, tail);
      return true;
    }
    case 'LSET':
      shadow.assign(Number(command.arg(2)), command.arg(3));
      return true;
    case 'LREM': {
      const places = shadow.placesEqual(Number(command.arg(2)), command.arg(3));
      if (places !== undefined) shadow.removeAt(places);
      return places !== undefined;
    }
    case 'LINSERT': {
      const at = pivotPlace(shadow, command);
      if (at === undefined) return false;
      shadow.insert(command.arg(2).toUpperCase() === 'BEFORE' ? at : at + 1, command.arg(4));
      return true;
    }
    case 'DEL':
    case 'UNLINK':
      shadow.trim(shadow.length, 0);
      return true;
    default:
      return name === 'PEXPIREAT' || name === 'PERSIST';
  }
}

export function popCount(command: Command): number {
  return command.argc > 2 ? Number(command.arg(2)) : 1;
}

/** Where LINSERT found its pivot; undefined when values are not known. */
export function pivotPlace(shadow: ListShadow, command: Command): number | undefined {
  const at = shadow.values?.indexOf(command.arg(3));
  return at === undefined || at < 0 ? undefined : at;
}

export function argsFrom(command: Command, first: number): string[] {
  const args: string[] = [];
  for (let i = first; i < command.argc; i++) args.push(command.arg(i));
  return args;
}
