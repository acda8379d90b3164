// Cells whose value from before the live ops was removed: their engine's plain value no longer counts.

import type { ValueClass } from './effect.ts';

/** Where no cell was removed. Nothing is ever put into it. */
const NONE = new Set<string>();

export class GoneCells {
  /** As `class name`. */
  #removed = NONE;
  /** Members that are left of a sorted set after a ZRETAIN; undefined: there was none. */
  #retained: Set<string> | undefined;

  remove(valueClass: ValueClass, name: string): void {
    if (this.#removed === NONE) this.#removed = new Set();
    this.#removed.add(`${valueClass} ${name}`);
  }

  /** Of a sorted set only these members are left. */
  retain(names: ReadonlySet<string>): void {
    const before = this.#retained;
    this.#retained = new Set(
      before === undefined ? names : [...names].filter((n) => before.has(n)),
    );
  }

  has(valueClass: ValueClass, name: string): boolean {
    if (this.#removed.has(`${valueClass} ${name}`)) return true;
    return valueClass === 'zset' && this.#retained !== undefined && !this.#retained.has(name);
  }

  /** The cell was assigned since, or its contributions have become the engine's plain value. */
  back(valueClass: ValueClass, name: string): void {
    if (this.#removed.size > 0) this.#removed.delete(`${valueClass} ${name}`);
    if (valueClass === 'zset') this.#retained?.add(name);
  }

  /** Cells of a class that were removed. */
  namesOf(valueClass: ValueClass): string[] {
    const prefix = `${valueClass} `;
    return [...this.#removed]
      .filter((c) => c.startsWith(prefix))
      .map((c) => c.slice(prefix.length));
  }

  /** The members that were left; undefined: it is not known that others are gone. */
  get retained(): ReadonlySet<string> | undefined {
    return this.#retained;
  }

  clone(): GoneCells {
    const copy = new GoneCells();
    if (this.#removed.size > 0) copy.#removed = new Set(this.#removed);
    copy.#retained = this.#retained === undefined ? undefined : new Set(this.#retained);
    return copy;
  }
}
