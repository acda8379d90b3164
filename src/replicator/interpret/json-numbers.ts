// Places in JSON documents that are known to hold an integer: what is added there needs not be read. Known only as
// long as nothing happens to the document that might change that; bounded, and may vanish at any time.

import { isInteger } from '../../model/decimal.ts';
import type { Command } from '../../resp/command.ts';
import { type Path, parsePath, renderPath } from '../live/json/json-path.ts';

const DOCUMENTS_MAX = 100_000;
const PLACES_MAX = 64;

export class JsonNumbers {
  /** By key, paths as every engine writes them. */
  readonly #places = new Map<string, Map<string, Path>>();

  get isEmpty(): boolean {
    return this.#places.size === 0;
  }

  follows(key: string): boolean {
    return this.#places.has(key);
  }

  isInteger(key: string, path: Path): boolean {
    const places = this.#places.get(key);
    if (places === undefined) return false;
    const rendered = renderPath(path);
    return rendered !== undefined && places.has(rendered);
  }

  keep(key: string, path: Path): void {
    const rendered = renderPath(path);
    if (rendered === undefined) return;
    const places = this.#places.get(key) ?? new Map<string, Path>();
    this.#places.delete(key);
    this.#places.set(key, places);
    places.set(rendered, path);
    dropOldest(places, PLACES_MAX);
    dropOldest(this.#places, DOCUMENTS_MAX);
  }

  drop(key: string): void {
    this.#places.delete(key);
  }

  clear(): void {
    this.#places.clear();
  }

  /** The engine has run a command on this key. */
  follow(name: string, key: string, command: Command): void {
    const places = this.#places.get(key);
    if (places === undefined || name === 'PEXPIREAT' || name === 'PERSIST') return;
    const written = name.startsWith('JSON.') && command.argc > 2 ? parsePath(command.arg(2)) : [];
    const isCount = name === 'JSON.NUMINCRBY' && isInteger(command.arg(3));
    if (isCount) return;
    for (const [rendered, path] of places) {
      if (written === undefined || !isApart(path, written)) places.delete(rendered);
    }
    if (places.size === 0) this.#places.delete(key);
  }
}

/** Whether what is written at one path leaves the other alone. */
function isApart(path: Path, written: Path): boolean {
  for (let i = 0; i < path.length && i < written.length; i++) {
    const [a, b] = [path[i], written[i]];
    // Indexes shift, and the same place may be counted from either end.
    if (typeof a === 'number' || typeof b === 'number') return false;
    if (a !== b) return true;
  }
  return false;
}

function dropOldest<K, V>(map: Map<K, V>, most: number): void {
  if (map.size <= most) return;
  for (const oldest of map.keys()) {
    map.delete(oldest);
    break;
  }
}
