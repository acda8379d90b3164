// Pages of the live index on disk, in one file that belongs to this life of the replicator. A page that is no longer
// needed leaves its place to another; when none is needed the file is empty.

import { closeSync, ftruncateSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { assert } from '../base/assert.ts';
import type { PageStore } from './live/chains/chain-nodes.ts';

export class PageFile implements PageStore {
  readonly #path: string;
  #file: number | undefined;
  #pageBytes = 0;
  /** Where each page is, counted in pages. */
  readonly #places = new Map<number, number>();
  #free: number[] = [];

  /** What an earlier life left at `path` is removed. */
  constructor(path: string) {
    this.#path = path;
    rmSync(path, { force: true });
  }

  write(page: number, bytes: Buffer): void {
    this.#file ??= openSync(this.#path, 'w+', 0o600);
    this.#pageBytes = bytes.length;
    const place = this.#free.pop() ?? this.#places.size;
    this.#places.set(page, place);
    for (let at = 0; at < bytes.length; ) {
      at += writeSync(this.#file, bytes, at, bytes.length - at, place * bytes.length + at);
    }
  }

  read(page: number, offset: number, length: number): Buffer {
    const place = this.#places.get(page);
    assert(place !== undefined && this.#file !== undefined, `page ${page} was written`);
    const bytes = Buffer.allocUnsafe(length);
    const count = readSync(this.#file, bytes, 0, length, place * this.#pageBytes + offset);
    assert(count === length, `page ${page} is whole`);
    return bytes;
  }

  drop(page: number): void {
    const place = this.#places.get(page);
    if (place === undefined || this.#file === undefined) return;
    this.#places.delete(page);
    this.#free.push(place);
    if (this.#places.size > 0) return;
    this.#free = [];
    ftruncateSync(this.#file, 0);
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
    rmSync(this.#path, { force: true });
  }
}
