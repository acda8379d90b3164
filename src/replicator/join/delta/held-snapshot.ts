// What the engine of a member held before it was wiped: a snapshot in a file beside the log, whose units are
// found by their digests. The file is only ever read; it goes when the join is over.

import { closeSync, existsSync, fstatSync, openSync, read, readSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { CorruptInput } from '../../../base/errors.ts';
import { UnitIndex } from '../../../rdb/unit-index.ts';
import {
  digestOf,
  SALT_BYTES,
  UNIT_BYTES_MAX,
  UNIT_BYTES_MIN,
  UnitCutter,
} from '../../../rdb/units.ts';

const READ_BYTES = 1024 * 1024;
/** Reads that take longer come from the disk: then several are better made at a time. */
const CACHED_READ_MS_MAX = 0.03;

/** A unit that is wanted: where it is in the file, and where it goes. */
export interface HeldUnit {
  readonly offset: number;
  readonly digest: string;
  readonly into: Buffer;
}

export interface HeldSnapshotOptions {
  readonly file: string;
  /** New for each comparison, SALT_BYTES long. */
  readonly salt: Buffer;
  /** How much of the file has been looked at, from 0 to 1. */
  readonly onProgress?: (share: number) => void;
  readonly signal?: AbortSignal;
}

export class HeldSnapshot {
  readonly salt: Buffer;
  /** Of the file. */
  readonly bytes: number;
  readonly #index: UnitIndex;
  readonly #file: number;
  readonly #salted = Buffer.allocUnsafeSlow(SALT_BYTES + UNIT_BYTES_MAX);
  #isFromDisk = false;

  private constructor(file: number, bytes: number, salt: Buffer, index: UnitIndex) {
    this.#file = file;
    this.bytes = bytes;
    this.salt = salt;
    this.#index = index;
    salt.copy(this.#salted);
  }

  /** Undefined: there is none. Throws what the file system says, and when `signal` is aborted. */
  static async open(options: HeldSnapshotOptions): Promise<HeldSnapshot | undefined> {
    if (!existsSync(options.file)) return undefined;
    const file = openSync(options.file, 'r');
    try {
      const bytes = fstatSync(file).size;
      const index = await indexed(file, bytes, options);
      return new HeldSnapshot(file, bytes, options.salt, index);
    } catch (error) {
      closeSync(file);
      throw error;
    }
  }

  /** How many units it has. */
  get units(): number {
    return this.#index.count;
  }

  /** Where a unit with this digest is, or rather seems to be; -1: nowhere. */
  offsetOf(digest: string): number {
    return this.#index.offsetOf(digest);
  }

  /** Throws CorruptInput when something else is there than the digest says. */
  async read(units: readonly HeldUnit[]): Promise<void> {
    if (units.length === 0) return;
    const startMs = performance.now();
    if (this.#isFromDisk) await Promise.all(units.map((unit) => this.#readLater(unit)));
    else
      for (const { into, offset } of units)
        this.#judge(readSync(this.#file, into, 0, into.length, offset), into);
    const perUnitMs = (performance.now() - startMs) / units.length;
    if (perUnitMs > CACHED_READ_MS_MAX) this.#isFromDisk = true;
    for (const { into, digest } of units) {
      into.copy(this.#salted, SALT_BYTES);
      if (digestOf(this.#salted.subarray(0, SALT_BYTES + into.length)) === digest) continue;
      throw new CorruptInput('the snapshot that was held has not what its index says');
    }
  }

  close(): void {
    closeSync(this.#file);
  }

  #readLater({ into, offset }: HeldUnit): Promise<void> {
    return new Promise((resolve, reject) => {
      read(this.#file, into, 0, into.length, offset, (error, bytes) => {
        try {
          if (error !== null) throw error;
          this.#judge(bytes, into);
          resolve();
        } catch (reason) {
          reject(reason);
        }
      });
    });
  }

  #judge(bytes: number, into: Buffer): void {
    if (bytes !== into.length) throw new CorruptInput('the snapshot that was held is cut');
  }
}

/** The rate at which this goes is that of making digests; everything else has its turns in between. */
async function indexed(
  file: number,
  bytes: number,
  { salt, onProgress, signal }: HeldSnapshotOptions,
): Promise<UnitIndex> {
  const index = new UnitIndex();
  const cutter = new UnitCutter(salt, {
    literal: () => {},
    unit: (_, digest, at) => index.add(digest, at),
  });
  const chunk = Buffer.allocUnsafeSlow(Math.max(UNIT_BYTES_MIN, Math.min(READ_BYTES, bytes)));
  for (let at = 0; at < bytes; ) {
    const count = readSync(file, chunk, 0, chunk.length, at);
    if (count === 0) break;
    cutter.take(chunk.subarray(0, count));
    at += count;
    onProgress?.(at / bytes);
    await turn();
    signal?.throwIfAborted();
  }
  return index;
}
