// What became of concurrent writes here: counts of all, and records of a sample of the last ones. In memory
// only; it begins anew when the replicator starts. Nothing is decided by it.

import { isOutsideKeyspace } from '../../model/op.ts';
import type { ReplicaId, Replicas } from '../../model/version-vector.ts';
import type { ReplicatorConfig } from '../config.ts';
import type {
  Conflict,
  ConflictPair,
  ConflictSide,
  ConflictType,
  Rule,
} from '../live/meetings/conflict.ts';
import { Ring } from './ring.ts';
import { Sampler } from './sampler.ts';

export type ConflictSettings = ReplicatorConfig['conflicts'];

/** One of the two writes, as it is recorded. */
export interface RecordedSide extends Omit<ConflictSide, 'origin'> {
  readonly replica: ReplicaId;
}

/** Two writes that met on a key here. */
export interface ConflictRecord {
  /** When they were merged here, ms since the epoch. */
  readonly timeMs: number;
  /** Latin1; of a long key the beginning. Of what is no key its name. */
  readonly key: string;
  readonly keyBytes: number;
  readonly type: ConflictType;
  readonly rule: Rule;
  readonly cell: string | undefined;
  readonly winner: RecordedSide;
  readonly loser: RecordedSide;
  /** Conflicts of this type that were counted but not recorded since the record before. */
  readonly skipped: number;
}

/** Longer keys, names and values are cut. */
export const RECORDED_TEXT_BYTES_MAX = 1024;

const COUNTS_ONLY: ConflictSettings = { values: false, maxRecords: 0 };
const RECORDS_BYTES_MAX = 8 * 1024 * 1024;
/** Of a record without its texts, about. */
const RECORD_BYTES = 400;

export class ConflictLog {
  readonly #replicas: Replicas;
  readonly #settings: ConflictSettings;
  readonly #sampler = new Sampler();
  readonly #ring: Ring<ConflictRecord>;
  readonly #counts = new Map<ConflictType, Map<Rule, number>>();

  /** Without settings conflicts are only counted. */
  constructor(replicas: Replicas, settings = COUNTS_ONLY) {
    this.#replicas = replicas;
    this.#settings = settings;
    this.#ring = new Ring(settings.maxRecords, RECORDS_BYTES_MAX);
  }

  /** Two writes met on `key`. The table that `conflict` is about must be as it was. */
  met(key: string, conflict: Conflict, nowMs: number): void {
    const { type, rule } = conflict;
    this.#count(type, rule);
    if (this.#settings.maxRecords === 0) return;
    // Nothing is looked up or decoded for a conflict that is not recorded.
    const skipped = this.#sampler.admit(type, nowMs);
    if (skipped === undefined) return;
    const record = this.#record(key, conflict, nowMs, skipped);
    this.#ring.push(record, sizeOf(record));
  }

  /** Since the start, by type and rule. */
  get counts(): Record<string, Record<string, number>> {
    const rows = [...this.#counts].map(([type, rules]) => [type, Object.fromEntries(rules)]);
    return Object.fromEntries(rows);
  }

  /** Since the start, by type. */
  get countsByType(): Record<string, number> {
    const sum = (rules: Map<Rule, number>) => [...rules.values()].reduce((a, b) => a + b, 0);
    return Object.fromEntries([...this.#counts].map(([type, rules]) => [type, sum(rules)]));
  }

  get keepsValues(): boolean {
    return this.#settings.values;
  }

  newestFirst(): ConflictRecord[] {
    return this.#ring.newestFirst();
  }

  #count(type: ConflictType, rule: Rule): void {
    let rules = this.#counts.get(type);
    if (rules === undefined) {
      rules = new Map();
      this.#counts.set(type, rules);
    }
    rules.set(rule, (rules.get(rule) ?? 0) + 1);
  }

  #record(key: string, conflict: Conflict, nowMs: number, skipped: number): ConflictRecord {
    const { type, rule } = conflict;
    const pair = conflict.pair(this.#settings.values);
    // The first character of what is no key only says so.
    const name = isOutsideKeyspace(key) ? key.slice(1) : key;
    return {
      timeMs: Math.floor(nowMs),
      key: cut(name),
      keyBytes: name.length,
      type,
      rule,
      cell: this.#cellOf(type, pair),
      winner: this.#side(pair.winner),
      loser: this.#side(pair.loser),
      skipped,
    };
  }

  /** The field of a hash is a name, as the key is, and a library has one. A member of a set is a value. */
  #cellOf(type: ConflictType, { cell }: ConflictPair): string | undefined {
    const isName = type === 'hash' || type === 'library';
    const isTold = isName || this.#settings.values;
    return isTold && cell !== undefined ? cut(cell) : undefined;
  }

  #side({ origin, seq, timestamp, command, bytes, ...side }: ConflictSide): RecordedSide {
    const value = side.value === undefined ? undefined : cut(side.value);
    return { replica: this.#replicas.idOf(origin), seq, timestamp, command, bytes, value };
  }
}

/** A copy: a part of a long string would keep the whole of it alive. */
function cut(latin1: string): string {
  if (latin1.length <= RECORDED_TEXT_BYTES_MAX) return latin1;
  const start = Buffer.from(latin1.slice(0, RECORDED_TEXT_BYTES_MAX), 'latin1');
  return `${start.toString('latin1')}...`;
}

function sizeOf({ key, cell, winner, loser }: ConflictRecord): number {
  const texts = [key, cell, winner.value, loser.value];
  return texts.reduce((sum, text) => sum + (text?.length ?? 0), RECORD_BYTES);
}
