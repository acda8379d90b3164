// The keys of a model engine: lookups that expire on the way, who watches which key, and what a command asks to
// have propagated. Commands are functions over it; the engine decides how effects reach the stream.

import type { JsonValue } from './json-document.ts';
import { WRONG_TYPE } from './reply.ts';
import type { Stream } from './streams/stream.ts';
import type { HashValue, ListValue, SetValue, StringValue, Value, ZsetValue } from './value.ts';

/** What the keyspace must know of a client for WATCH. */
export interface Watcher {
  /** Watched keys, and whether each had expired already when the watch began. */
  readonly watched: Map<string, boolean>;
  /** A watched key has changed: the next EXEC is refused. */
  touched: boolean;
}

/** No expiry. */
export const NEVER = -1;

export class Keyspace {
  /** The time of the command under way. */
  nowMs = 0;
  /** Writes that the command under way made: none means that it is not propagated. */
  dirty = 0;
  /** The form in which the command is propagated, where that is not its own. */
  rewritten: readonly string[] | undefined;
  /** Propagate the command although it changed nothing here, or not at all. */
  forced: 'always' | 'never' | undefined;
  /** What the unit under way has propagated so far. */
  effects: (readonly string[])[] = [];
  readonly #values = new Map<string, Value>();
  readonly #expiries = new Map<string, number>();
  readonly #watchers = new Map<string, Set<Watcher>>();

  get size(): number {
    return this.#values.size;
  }

  keys(): Iterable<string> {
    return this.#values.keys();
  }

  /** Keys whose time has come, in the order of their times. */
  expiredKeys(nowMs: number): string[] {
    const due: [string, number][] = [];
    for (const entry of this.#expiries) if (entry[1] < nowMs) due.push(entry);
    return due.sort((a, b) => a[1] - b[1]).map(([key]) => key);
  }

  /** The value of `key`. An expired key is deleted, and that is propagated. */
  find(key: string): Value | undefined {
    if (this.isExpired(key)) {
      this.expire(key);
      return undefined;
    }
    return this.#values.get(key);
  }

  /** The value of `key`, expired or not. */
  peek(key: string): Value | undefined {
    return this.#values.get(key);
  }

  isExpired(key: string): boolean {
    if (this.#expiries.size === 0) return false;
    const expiry = this.#expiries.get(key);
    return expiry !== undefined && expiry < this.nowMs;
  }

  expire(key: string): void {
    this.remove(key);
    this.touch(key);
    this.effects.push(['DEL', key]);
  }

  findString(key: string): StringValue | undefined {
    const value = this.find(key);
    if (value !== undefined && value.type !== 'string') throw WRONG_TYPE;
    return value;
  }

  findHash(key: string): HashValue | undefined {
    const value = this.find(key);
    if (value !== undefined && value.type !== 'hash') throw WRONG_TYPE;
    return value;
  }

  findSet(key: string): SetValue | undefined {
    const value = this.find(key);
    if (value !== undefined && value.type !== 'set') throw WRONG_TYPE;
    return value;
  }

  findZset(key: string): ZsetValue | undefined {
    const value = this.find(key);
    if (value !== undefined && value.type !== 'zset') throw WRONG_TYPE;
    return value;
  }

  findList(key: string): ListValue | undefined {
    const value = this.find(key);
    if (value !== undefined && value.type !== 'list') throw WRONG_TYPE;
    return value;
  }

  findStream(key: string): Stream | undefined {
    const value = this.find(key);
    if (value !== undefined && value.type !== 'stream') throw WRONG_TYPE;
    return value?.stream;
  }

  findJson(key: string): JsonValue | undefined {
    const value = this.find(key);
    if (value !== undefined && value.type !== 'ReJSON-RL') throw WRONG_TYPE;
    return value;
  }

  /** Gives `key` a value; its expiry stays as it is. */
  put(key: string, value: Value): void {
    this.#values.set(key, value);
  }

  /** SET's assignment: the old value, expired or not, and its expiry go. */
  assign(key: string, value: Value): void {
    this.find(key);
    this.#values.set(key, value);
    this.#expiries.delete(key);
    this.touch(key);
  }

  /** Deletes without looking at the expiry and without telling watchers. */
  remove(key: string): boolean {
    this.#expiries.delete(key);
    return this.#values.delete(key);
  }

  clear(): void {
    for (const key of this.#watchers.keys()) {
      if (!this.#values.has(key)) continue;
      for (const watcher of [...(this.#watchers.get(key) ?? [])]) this.#touchCleared(watcher, key);
    }
    this.#values.clear();
    this.#expiries.clear();
  }

  #touchCleared(watcher: Watcher, key: string): void {
    if (watcher.watched.get(key)) {
      watcher.watched.set(key, false);
      return;
    }
    watcher.touched = true;
    this.unwatch(watcher);
  }

  /** Milliseconds since the epoch, or NEVER. */
  expiryOf(key: string): number {
    return this.#expiries.get(key) ?? NEVER;
  }

  setExpiry(key: string, atMs: number): void {
    if (atMs === NEVER) this.#expiries.delete(key);
    else this.#expiries.set(key, atMs);
  }

  persist(key: string): boolean {
    return this.#expiries.delete(key);
  }

  /** The command changed `key`: watchers are told and the command is propagated. */
  changed(key: string): void {
    this.touch(key);
    this.dirty++;
  }

  touch(key: string): void {
    const watchers = this.#watchers.get(key);
    if (watchers === undefined) return;
    for (const watcher of [...watchers]) {
      if (watcher.watched.get(key)) {
        // It had expired before the watch: its deletion is no change.
        if (!this.#values.has(key)) watcher.watched.set(key, false);
        continue;
      }
      watcher.touched = true;
      this.unwatch(watcher);
    }
  }

  watch(watcher: Watcher, key: string): void {
    if (watcher.watched.has(key)) return;
    watcher.watched.set(key, this.isExpired(key));
    let watchers = this.#watchers.get(key);
    if (watchers === undefined) {
      watchers = new Set();
      this.#watchers.set(key, watchers);
    }
    watchers.add(watcher);
  }

  unwatch(watcher: Watcher): void {
    for (const key of watcher.watched.keys()) {
      const watchers = this.#watchers.get(key);
      watchers?.delete(watcher);
      if (watchers?.size === 0) this.#watchers.delete(key);
    }
    watcher.watched.clear();
  }

  /** Whether a key watched alive has expired since, which refuses EXEC even before anyone deletes it. */
  watchedExpired(watcher: Watcher): boolean {
    for (const [key, expiredBefore] of watcher.watched) {
      if (!expiredBefore && this.isExpired(key)) return true;
    }
    return false;
  }
}
