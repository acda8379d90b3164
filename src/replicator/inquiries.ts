// Answers the questions of operators about conflicts and keys (GET /conflicts, GET /keys) from what the core
// knows. Nothing here changes anything.

import { printable } from '../base/printable.ts';
import { millisecondsOf, TICKS_PER_MS, type Timestamp } from '../model/clock.ts';
import type { ReplicaId } from '../model/version-vector.ts';
import type { ConflictAnswer, ConflictsAnswer, KeyAnswer } from './answers.ts';
import type { ReplicatorConfig } from './config.ts';
import {
  type ConflictRecord,
  RECORDED_TEXT_BYTES_MAX,
  type RecordedSide,
} from './conflicts/conflict-log.ts';
import type { Core } from './core.ts';
import { RULES } from './live/meetings/conflict.ts';

export interface ConflictQuery {
  /** Latin1; undefined: all keys. */
  readonly key: string | undefined;
  /** The newest so many; undefined: all. */
  readonly limit: number | undefined;
}

export class Inquiries {
  readonly #core: Core;
  readonly #answerer: Answerer;

  constructor(core: Core, { self, members }: Pick<ReplicatorConfig, 'self' | 'members'>) {
    this.#core = core;
    const regionOf = (id: ReplicaId): string =>
      members.find((m) => m.id === id)?.region ?? `replica ${id}`;
    this.#answerer = { replica: self, regionOf };
  }

  conflicts(query: ConflictQuery): ConflictsAnswer {
    return answerConflicts(this.#core, this.#answerer, query);
  }

  /** What is known of a key besides what its engine shows; `key` is latin1. */
  key(key: string): KeyAnswer {
    return answerKey(this.#core, this.#answerer, key);
  }
}

/** Who answers, and how replicas are called. */
interface Answerer {
  readonly replica: ReplicaId;
  regionOf(replica: ReplicaId): string;
}

function answerConflicts(
  core: Core,
  { replica, regionOf }: Answerer,
  { key, limit }: ConflictQuery,
): ConflictsAnswer {
  const all = core.conflicts.newestFirst();
  const matching = key === undefined ? all : all.filter((record) => isAbout(record, key));
  return {
    region: regionOf(replica),
    replica,
    counts: core.conflicts.counts,
    values: core.conflicts.keepsValues,
    matching: matching.length,
    records: matching.slice(0, limit).map((record) => toAnswer(record, regionOf)),
  };
}

function answerKey(core: Core, { replica, regionOf }: Answerer, key: string): KeyAnswer {
  const entry = core.index.inspect(key);
  const newest = entry?.newest;
  const writer = newest === undefined ? undefined : core.replicas.idOf(newest.origin);
  return {
    region: regionOf(replica),
    replica,
    key: printable(key),
    pendingOps: entry?.opCount ?? 0,
    lastWriter:
      newest === undefined || writer === undefined
        ? null
        : {
            region: regionOf(writer),
            replica: writer,
            timestampMs: wholeMs(newest.timestamp),
            command: newest.command,
            bytes: newest.bytes,
          },
    merged: entry?.table !== undefined,
    holdsUnknown: entry?.holdsUnknown ?? false,
    heldBack: entry?.table?.heldBack ?? false,
    waiting: core.applying.waiting,
  };
}

function isAbout(record: ConflictRecord, key: string): boolean {
  // Indexes and libraries may have the name of a key.
  if (record.type === 'search' || record.type === 'library') return false;
  if (record.keyBytes !== key.length) return false;
  const isCut = key.length > RECORDED_TEXT_BYTES_MAX;
  return isCut ? record.key.startsWith(key.slice(0, RECORDED_TEXT_BYTES_MAX)) : record.key === key;
}

function toAnswer(
  record: ConflictRecord,
  regionOf: (replica: ReplicaId) => string,
): ConflictAnswer {
  const { timeMs, key, keyBytes, type, rule, cell, winner, loser, skipped } = record;
  const bothCount = RULES[rule] === 'both count';
  const side = (of: RecordedSide, outcome: 'won' | 'lost') => ({
    region: regionOf(of.replica),
    replica: of.replica,
    seq: of.seq,
    timestampMs: wholeMs(of.timestamp),
    tick: of.timestamp % TICKS_PER_MS,
    command: of.command,
    bytes: of.bytes,
    outcome: bothCount ? ('kept' as const) : outcome,
    ...(of.value === undefined ? {} : { value: printable(of.value) }),
  });
  return {
    timeMs,
    key: printable(key),
    keyBytes,
    type,
    rule,
    ...(cell === undefined ? {} : { cell: printable(cell) }),
    winner: side(winner, 'won'),
    loser: side(loser, 'lost'),
    skipped,
  };
}

function wholeMs(timestamp: Timestamp): number {
  return Math.floor(millisecondsOf(timestamp));
}
