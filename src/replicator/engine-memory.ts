// The memory of the engine, and what replication may use of it beyond what clients may.
//
// `maxmemory` is what clients may fill: when it is full the engine itself refuses them, and also every transaction
// of the replicator. Replication has a reserve on top: a transaction that was refused is sent again between two
// CONFIG SETs that raise the limit and lower it again, in one packet, so that no client's write profits. When the
// reserve is full too the transaction waits, and is tried again, for ever. Nothing is dropped.
//
// A process that dies between the two leaves the limit raised: what it was is kept in a file, and put back by the next.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { bytesText } from '../base/amounts.ts';
import { infoField } from '../engine/client.ts';
import type { EngineMemoryStatus } from './status.ts';

/** So many transactions are sent with the limit raised before one is tried without. */
const RAISES = 5;
/** While the reserve is full it is tried so often; each try is a line in the engine's log. */
const TRY_EVERY_MS = 1000;
/** A refusal says nothing about now after this long. */
const RECENT_MS = 5000;

const raisedSchema = z.strictObject({ limitBytes: z.number(), raisedBytes: z.number() });

/** Who sends: each has its own turns. */
export type Sender = 'apply' | 'read';

export interface Raise {
  readonly raisedBytes: number;
  readonly limitBytes: number;
}

export function isOutOfMemory(message: string): boolean {
  return message.includes('OOM command not allowed');
}

export class EngineMemory {
  readonly #file: string;
  readonly #reserve: number;
  readonly #now: () => number;
  #limitBytes = 0;
  #usedBytes: number | null = null;
  #policy: string | null = null;
  #evictedKeys = 0;
  readonly #raisesLeft = { apply: 0, read: 0 };
  readonly #triedAtMs = { apply: -TRY_EVERY_MS, read: -TRY_EVERY_MS };
  #kept: Raise | undefined;
  #refusedAtMs = Number.NEGATIVE_INFINITY;
  /** Since when the reserve is full. */
  #waitingSinceMs: number | undefined;
  /** Transactions that the engine refused for want of memory. */
  refusals = 0;

  /** `reserve`: share of maxmemory. `now` of a clock that does not jump. */
  constructor(stateDir: string, reserve: number, now: () => number = () => performance.now()) {
    this.#file = join(stateDir, 'maxmemory.json');
    this.#reserve = reserve;
    this.#now = now;
  }

  /** An answer to INFO. */
  observed(info: string): void {
    const used = Number(infoField(info, 'used_memory') ?? Number.NaN);
    const apart = Number(infoField(info, 'mem_not_counted_for_evict') ?? 0);
    this.#usedBytes = Number.isFinite(used) ? used - apart : null;
    this.#policy = infoField(info, 'maxmemory_policy');
    this.#evictedKeys = Number(infoField(info, 'evicted_keys') ?? 0);
    const limit = infoField(info, 'maxmemory');
    if (limit !== null) this.limited(Number(limit));
  }

  /** What the engine said of its limit; perhaps in the moment in which it is raised. */
  limited(bytes: number): void {
    if (Number.isFinite(bytes) && bytes !== this.#kept?.raisedBytes) this.#limitBytes = bytes;
  }

  /** Whether this limit, which the engine has, is neither that which was to be raised nor what it is raised to. */
  isOther(bytes: number, raise: Raise): boolean {
    const own = [raise.limitBytes, raise.raisedBytes, this.#kept?.raisedBytes];
    return Number.isFinite(bytes) && !own.includes(bytes);
  }

  /** What was left raised by a process that died, if it still is: `asked` is the limit that the engine has. */
  leftRaised(asked: number): Raise | undefined {
    this.#kept ??= this.#readFile();
    const kept = this.#kept;
    return kept !== undefined && kept.raisedBytes === asked ? kept : undefined;
  }

  /** The engine refused a transaction for want of memory; `raised`: although the limit was raised. */
  refused(raised: boolean): void {
    this.refusals++;
    this.#refusedAtMs = this.#now();
    if (raised) this.#waitingSinceMs ??= this.#now();
    this.#raisesLeft.apply = RAISES;
    this.#raisesLeft.read = RAISES;
  }

  /** A transaction was run; `raised`: with the limit raised. */
  accepted(raised: boolean): void {
    this.#waitingSinceMs = undefined;
    if (raised) this.#refusedAtMs = this.#now();
  }

  /** How the limit is to be raised for the next transaction, if it is. */
  raise(sender: Sender): Raise | undefined {
    if (this.#raisesLeft[sender] === 0 || this.#limitBytes === 0 || this.#reserve === 0) return;
    const now = this.#now();
    const waits = this.#waitingSinceMs !== undefined;
    if (waits && now - this.#triedAtMs[sender] < TRY_EVERY_MS) return;
    this.#triedAtMs[sender] = now;
    this.#raisesLeft[sender]--;
    const raise = { limitBytes: this.#limitBytes, raisedBytes: this.#raisedBytes };
    if (raise.raisedBytes !== this.#kept?.raisedBytes) {
      writeFileSync(this.#file, JSON.stringify(raise));
      this.#kept = raise;
    }
    return raise;
  }

  status(): EngineMemoryStatus {
    const now = this.#now();
    const isFull = now - this.#refusedAtMs < RECENT_MS;
    const state = this.#waitingSinceMs !== undefined ? 'waiting' : isFull ? 'full' : 'ok';
    const refusesClients = this.#policy === 'noeviction' && this.#limitBytes > 0;
    const atLimit = refusesClients && (this.#usedBytes ?? 0) >= this.#limitBytes;
    const shown = state === 'ok' && atLimit ? 'full' : state;
    return {
      usedBytes: this.#usedBytes,
      limitBytes: this.#limitBytes,
      reserveBytes: this.#raisedBytes - this.#limitBytes,
      policy: this.#policy,
      evictedKeys: this.#evictedKeys,
      refusals: this.refusals,
      state: shown,
      alarm: this.#alarm(shown),
    };
  }

  get #raisedBytes(): number {
    return Math.floor(this.#limitBytes * (1 + this.#reserve));
  }

  #alarm(state: EngineMemoryStatus['state']): string | null {
    if (state === 'ok') return null;
    const limit = bytesText(this.#limitBytes);
    const action =
      'Remove keys, raise maxmemory (in all regions alike), or choose an eviction policy.';
    if (state === 'full') {
      const reserve = bytesText(this.#raisedBytes - this.#limitBytes);
      return (
        `the engine is full (${limit}): it refuses writes of its clients. Writes of other regions still go into ` +
        `the reserve of ${reserve}. ${action}`
      );
    }
    return (
      `the engine is full (${limit}), and so is the reserve: writes of other regions wait. Nothing is lost, they ` +
      `are kept in the logs. ${action}`
    );
  }

  #readFile(): Raise | undefined {
    try {
      return raisedSchema.parse(JSON.parse(readFileSync(this.#file, 'utf8')));
    } catch {
      // Nothing was ever raised, or the file was not finished: then the limit was not raised either.
      return undefined;
    }
  }
}
