// What the interpreter produces becomes own ops, or reads whose results become own ops, in the unit that is open.

import { isOutsideKind, JSON_KINDS, LIST_KINDS, OpKind, STREAM_KINDS } from '../../model/op.ts';
import type { Command } from '../../resp/command.ts';
import type { Path } from '../live/json/json-path.ts';
import type { LiveOp } from '../live/live-op.ts';
import { encodeOp, keyIndexOf } from './encode-op.ts';
import type { JsonPurpose } from './json-rules.ts';
import type { OwnOps } from './own-ops.ts';
import type { PendingReads } from './pending-reads.ts';
import type { Shadows } from './shadows.ts';
import type { OpSink } from './sink.ts';
import type { StreamReads } from './stream-reads.ts';
import type { TransactionRemovals } from './transaction-removals.ts';

/** What a unit is made with. */
export interface UnitParts {
  readonly own: OwnOps;
  readonly reads: PendingReads;
  readonly shadows: Shadows;
  readonly streams: StreamReads;
  readonly removals: TransactionRemovals;
}

export interface UnitEvents {
  /** Counts a command that has no rule; true: it is the first of its name. */
  readonly countUnknown: (name: string) => boolean;
  readonly onOwnOp: (op: LiveOp) => void;
  /** The engine shows more of the key than its live ops say. */
  readonly isHeldBack: (key: string) => boolean;
  readonly notice: (level: 'warn' | 'error', message: string, details: object) => void;
}

export class UnitBuilder implements OpSink {
  readonly #own: OwnOps;
  readonly #reads: PendingReads;
  readonly #shadows: Shadows;
  readonly streams: StreamReads;
  readonly #removals: TransactionRemovals;
  readonly #options: UnitEvents;
  /** The ops that come belong to one transaction. */
  inTransaction = false;
  nowMs = 0;

  constructor({ own, reads, shadows, streams, removals }: UnitParts, events: UnitEvents) {
    this.#own = own;
    this.#reads = reads;
    this.#shadows = shadows;
    this.streams = streams;
    this.#removals = removals;
    this.#options = events;
  }

  verbatim(kind: OpKind, command: Command, keyIndex: number, flags = 0): void {
    const key = command.arg(keyIndex);
    if (this.#reads.unitWaits && this.#reads.willShip(kind, key, () => command.arg(3))) return;
    if (this.#needsWhole(kind, key)) return;
    const keyAt = command.argStart[keyIndex] as number;
    this.#add(kind, flags, key, keyAt, command.buffer, command.start, command.end);
  }

  rewritten(kind: OpKind, args: readonly string[], flags = 0): void {
    const key = args[keyIndexOf(kind)] as string;
    if (!isOutsideKind(kind)) {
      if (this.#reads.unitWaits && this.#reads.willShip(kind, key, () => args[3] as string)) return;
      if (this.#needsWhole(kind, key)) return;
    }
    this.write(kind, args, flags);
  }

  /** Places in a list or a document mean nothing to those who do not show it: they get the whole of it. */
  #needsWhole(kind: OpKind, key: string): boolean {
    const hasPlaces = LIST_KINDS.has(kind) || JSON_KINDS.has(kind);
    if (!hasPlaces || !this.#options.isHeldBack(key)) return false;
    this.#reads.wantWhole(key);
    return true;
  }

  message(command: Command): void {
    this.#add(OpKind.publish, 0, '', command.start, command.buffer, command.start, command.end);
  }

  readWhole(key: string): void {
    this.#reads.wantWhole(key, this.#shadows.list(key)?.length);
  }

  readUnion(key: string): void {
    this.#reads.wantUnion(key);
  }

  readMembers(key: string): void {
    this.#reads.wantMembers(key);
  }

  readScores(key: string, members: readonly string[]): void {
    this.#reads.wantScores(key, members);
  }

  readDocument(key: string, fields: readonly string[], indexing: readonly string[]): void {
    this.#reads.wantDocument(key, fields, indexing);
  }

  readFields(key: string, names: readonly string[]): void {
    this.#reads.wantFields(key, names);
  }

  readLibraries(): void {
    this.#reads.wantLibraries();
  }

  readJson(key: string, path: Path, purpose: JsonPurpose): void {
    if (!this.#needsWhole(OpKind.json, key)) this.#reads.wantJson(key, path, purpose);
  }

  shiftJson(key: string, path: Path): void {
    this.#reads.shiftJson(key, path);
  }

  followList(key: string): void {
    this.#reads.wantList(key);
  }

  groupCreated(key: string, group: string, makesStream: boolean): void {
    this.#reads.wantGroup(key, group, makesStream);
  }

  unknownCommand(name: string): void {
    if (!this.#options.countUnknown(name)) return;
    this.#options.notice('warn', `${name} has no merge rule of its own`, {
      command: name,
      action: 'the whole value of its key is replicated; of concurrent writers the newest wins',
    });
  }

  unreplicable(name: string): void {
    this.#options.countUnknown(name);
    this.#options.notice('error', `${name} was run on an engine of a group`, {
      command: name,
      action:
        'it is not replicated: the members now differ. Deny it to clients and flush the group',
    });
  }

  /** Makes an own op of a command. `flags` are OpFlag bits. */
  write(kind: OpKind, args: readonly string[], flags: number): void {
    const { raw, key, keyAt } = encodeOp(kind, args);
    this.#add(kind, flags, key, keyAt, raw, 0, raw.length);
  }

  #add(
    kind: OpKind,
    flags: number,
    key: string,
    keyAt: number,
    source: Buffer,
    from: number,
    to: number,
  ): void {
    const op = this.#own.add(kind, flags, key, keyAt, source, from, to, this.nowMs);
    if (this.inTransaction) this.#removals.note(op);
    this.#reads.noteOwn(op);
    if (kind === OpKind.xadd) this.streams.noteAdd(op);
    else if (!STREAM_KINDS.has(kind)) this.streams.forget(key);
    this.#options.onOwnOp(op);
  }
}
