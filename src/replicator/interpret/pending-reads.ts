// Reads that are wanted or under way, and the unit that waits for them. A write whose effect is not in the
// stream holds its unit open until what it did is read and shipped; what a write adds meanwhile that the
// read will tell anyway is left to the read. One read is under way at a time, the rest gather for the next.
// What conflicts ask to be asserted gathers here as well, and holds no unit.

import { HYPERLOGLOG_KINDS, JSON_KINDS, OpKind } from '../../model/op.ts';
import type { Reply } from '../../resp/reply-parser.ts';
import type { Assertion } from '../live/assertion.ts';
import { effectOf, isRefusedOn, type ValueClass } from '../live/effect.ts';
import { type JsonChange, jsonChangeOf } from '../live/json/json-op.ts';
import type { Path } from '../live/json/json-path.ts';
import { LIBRARIES } from '../live/libraries/library-effect.ts';
import type { LiveOp } from '../live/live-op.ts';
import { afterWrite, type OtherWrite, readsWithin } from './json-reads.ts';
import type { JsonPurpose } from './json-rules.ts';
import type { OwnOps } from './own-ops.ts';
import type { PendingAssertions } from './pending-assertions.ts';
import { opsOfRead, type ReadOutcome, ReadQueue, type ReadRequest } from './reads.ts';
import type { Shadows } from './shadows.ts';
import { isStreamRequest, type StreamReads } from './stream-reads.ts';
import type { WholePurpose } from './whole-reads.ts';

/** More lists than this are not begun to be followed at once; the others are when they are used again. */
const LISTS_PER_READ = 64;

/** A read to be made at once, behind the fence of its number. */
export interface NumberedRead {
  readonly number: number;
  readonly requests: readonly ReadRequest[];
}

interface OutstandingRead extends NumberedRead {
  requests: readonly ReadRequest[];
  /** Some write's unit stays open until this read is shipped. */
  readonly holdsUnit: boolean;
  replies: readonly Reply[] | undefined;
  /** Its fence has come by. */
  fenced: boolean;
}

/** Makes an own op of a command. `args[1]` is the key, `flags` are OpFlag bits. */
type Write = (kind: OpKind, args: readonly string[], flags: number) => void;

export class PendingReads {
  readonly #own: OwnOps;
  readonly #shadows: Shadows;
  readonly #write: Write;
  readonly #onFollowed: (key: string, length: number) => void;
  /** What is to be read of streams. */
  readonly #streams: StreamReads;
  readonly #wanted = new ReadQueue();
  /** Keys whose writes are covered by a whole read that a write asked for. */
  readonly #covered = new Set<string>();
  /** Those of them on which nothing happened but unions. */
  readonly #unions = new Set<string>();
  /** Sorted sets from which something unknown was removed: increments there have an unknown base. */
  readonly #popped = new Set<string>();
  /** JSON documents of which something is being read. */
  readonly #jsonKeys = new Set<string>();
  /** Sorted sets whose new scores are being read: their expiry must follow, or it finds no key. */
  readonly #scored = new Set<string>();
  readonly #assertions: PendingAssertions;
  #read: OutstandingRead | undefined;
  #lastNumber = 0;
  #unitWaits = false;
  /** It waits for something of what is wanted. */
  #unitWants = false;
  /** Lists among what is wanted. */
  #listsWanted = 0;

  /** `onFollowed` is told of each list that is followed from then on, with its length. */
  constructor(
    own: OwnOps,
    shadows: Shadows,
    streams: StreamReads,
    assertions: PendingAssertions,
    write: Write,
    onFollowed: (key: string, length: number) => void,
  ) {
    this.#onFollowed = onFollowed;
    this.#own = own;
    this.#shadows = shadows;
    this.#streams = streams;
    this.#assertions = assertions;
    this.#write = write;
  }

  /** The open unit is not complete until something is read. */
  get unitWaits(): boolean {
    return this.#unitWaits;
  }

  /** Nothing is wanted, under way or still to be asserted. */
  get isEmpty(): boolean {
    if (!this.#wanted.isEmpty || this.#read !== undefined) return false;
    return this.#assertions.isEmpty && this.#streams.isEmpty;
  }

  // --- what is to be read -------------------------------------------------------------------------

  /** The key's new value is not in the stream. `listLength`: how long the list was that it replaces. */
  wantWhole(key: string, listLength?: number): void {
    this.#shadows.drop(key);
    const isFirst = !this.#covered.has(key) && listLength !== undefined;
    this.#covered.add(key);
    this.#unions.delete(key);
    this.#holdUnit(isFirst ? { kind: 'whole', key, listLength } : { kind: 'whole', key });
  }

  /** A search module may have written these fields; `indexing` is an op to ship behind them. */
  wantDocument(key: string, names: readonly string[], indexing: readonly string[]): void {
    this.#shadows.drop(key);
    this.#holdUnit({ kind: 'document', key, names, indexing: [indexing] });
  }

  /** These fields of a hash were written, and what their expiries are is not in the stream. */
  wantFields(key: string, names: readonly string[]): void {
    this.#holdUnit({ kind: 'fields', key, names });
  }

  /** Libraries of functions were restored. */
  wantLibraries(): void {
    this.#holdUnit({ kind: 'libraries', key: LIBRARIES });
  }

  /** What is at this path of a JSON document. */
  wantJson(key: string, path: Path, purpose: JsonPurpose): void {
    if (this.#covered.has(key)) return;
    // What is added is in what is merged around it.
    if (this.#jsonKeys.has(key)) this.#noteJson(key, { path, kind: 'add' });
    this.#jsonKeys.add(key);
    this.#holdUnit({ kind: 'json', key, reads: [{ path, purpose }] });
  }

  /** An own op was written: what will be read in the document is not only what was done there before. */
  noteOwn(op: LiveOp): void {
    if (!this.#jsonKeys.has(op.key) || op.kind === OpKind.expire) return;
    const change = JSON_KINDS.has(op.kind) ? jsonChangeOf(op) : undefined;
    this.#noteJson(op.key, { path: change?.path ?? [], kind: writeKind(change?.kind) });
  }

  #noteJson(key: string, write: OtherWrite): void {
    const changed = (request: ReadRequest): ReadRequest =>
      request.kind === 'json' && request.key === key ? afterWrite(request, write) : request;
    this.#wanted.change(changed);
    if (this.#read !== undefined) this.#read.requests = this.#read.requests.map(changed);
  }

  /** Elements of the array at this path move: what is to be read in them is shipped with the whole document. */
  shiftJson(key: string, path: Path): void {
    const requests = [this.#wanted.json(key), ...(this.#read?.requests ?? [])];
    const isRead = requests.some(
      (r) => r?.kind === 'json' && r.key === key && readsWithin(r, path),
    );
    if (isRead) this.wantWhole(key);
  }

  /** Something was merged into a HyperLogLog that is not in the stream. */
  wantUnion(key: string): void {
    if (!this.#covered.has(key)) this.#unions.add(key);
    this.#covered.add(key);
    this.#holdUnit({ kind: 'whole', key });
  }

  /** Unknown members of a sorted set were removed. */
  wantMembers(key: string): void {
    this.#popped.add(key);
    this.#holdUnit({ kind: 'members', key });
  }

  /** These members of a sorted set may have new scores. */
  wantScores(key: string, members: readonly string[]): void {
    this.#scored.add(key);
    this.#holdUnit({ kind: 'cells', key, names: members, of: 'writes' });
  }

  /** A group was created at the end of a stream. */
  wantGroup(key: string, group: string, makesStream: boolean): void {
    if (!this.#covered.has(key)) {
      this.#holdUnit(this.#streams.groupCreated(key, group, makesStream));
    }
  }

  /** A list is to be followed from the next read on, when there is time for it. */
  wantList(key: string): void {
    if (this.#listsWanted >= LISTS_PER_READ || this.#covered.has(key)) return;
    this.#listsWanted++;
    this.#wanted.add({ kind: 'list', key });
  }

  /** A remote op is visible from here on. What it adds to a set from which something unknown was just
   * removed would look as if it had been left there: its score is shipped too. */
  noteRemote(op: LiveOp): void {
    const type = this.#typeRead(op.key);
    if (type !== undefined && isRefusedOn(op.kind, type)) {
      // Here it found this type; elsewhere what is to be shipped would find its. What is here counts.
      this.#wanted.add({ kind: 'whole', key: op.key });
      this.#unitWants = true;
    }
    if (this.#popped.size === 0 || !this.#popped.has(op.key)) return;
    if (op.kind !== OpKind.zincr && op.kind !== OpKind.zadd) return;
    this.wantScores(
      op.key,
      effectOf(op).cells.map((cell) => cell.name),
    );
  }

  /** The type of a key of which something is read to be shipped: the engine has made it so. */
  #typeRead(key: string): ValueClass | undefined {
    if (this.#scored.size > 0 && this.#scored.has(key)) return 'zset';
    if (this.#jsonKeys.size > 0 && this.#jsonKeys.has(key)) return 'json';
    return this.#streams.isCreatedLater(key) ? 'stream' : undefined;
  }

  /** Reads in a moment what this member must assert of a key. */
  assert(key: string, assertion: Assertion, now: number): void {
    this.#assertions.add(key, assertion, now);
  }

  tick(now: number): void {
    for (const request of this.#streams.due()) this.#wanted.add(request);
    for (const request of this.#assertions.due(now)) {
      if (request.kind === 'whole') this.#unions.delete(request.key);
      this.#wanted.add(request);
    }
  }

  // --- while a unit waits -------------------------------------------------------------------------

  /** Whether a read that is under way, or one that this asks for, will ship what this write does. */
  willShip(kind: OpKind, key: string, member: () => string): boolean {
    if (this.#covered.has(key)) {
      if (!HYPERLOGLOG_KINDS.has(kind)) this.#unions.delete(key);
      return true;
    }
    if (kind === OpKind.zincr && this.#popped.has(key)) {
      this.wantScores(key, [member()]);
      return true;
    }
    if (this.#popped.has(key) && isRefusedOn(kind, 'zset')) {
      // A write of another type: the sorted set must have been emptied.
      this.#popped.delete(key);
      this.#write(OpKind.zretain, ['ZRETAIN', key], 0);
      return false;
    }
    const isMadeLater =
      this.#scored.has(key) || this.#jsonKeys.has(key) || this.#streams.isCreatedLater(key);
    if (kind === OpKind.expire && isMadeLater) {
      this.#holdUnit({ kind: 'expiry', key, restates: false });
      return true;
    }
    return false;
  }

  /** Ends the unit, whatever it waits for. */
  closeUnit(): void {
    this.#unitWaits = false;
    this.#covered.clear();
    this.#unions.clear();
    this.#own.endUnit();
  }

  #holdUnit(request: ReadRequest): void {
    this.#unitWaits = true;
    this.#unitWants = true;
    this.#wanted.add(request);
  }

  // --- the read under way -------------------------------------------------------------------------

  /** Begins the next read; undefined when nothing is wanted or one is under way. Keys that may not be
   * read now wait for a later one. */
  begin(mayRead: (key: string) => boolean): NumberedRead | undefined {
    if (this.#read !== undefined || this.#wanted.isEmpty) return undefined;
    const requests = this.#wanted.take(mayRead);
    if (requests.length === 0) return undefined;
    this.#listsWanted = 0;
    const number = ++this.#lastNumber;
    const holdsUnit = this.#unitWaits;
    this.#unitWants = false;
    this.#read = { number, requests, holdsUnit, replies: undefined, fenced: false };
    return this.#read;
  }

  /** Whether something is to be asserted of the key, or read and shipped. */
  asserts(key: string): boolean {
    return this.#assertions.has(key) || this.ships(key);
  }

  /** Whether a read will yield ops on this key that are not there yet. */
  ships(key: string): boolean {
    if (this.#wanted.ships(key)) return true;
    const read = this.#read;
    return read?.requests.some((r) => r.key === key && r.kind !== 'list') ?? false;
  }

  isUnderWay(number: number): boolean {
    return this.#read?.number === number;
  }

  /** The place of the read under way is reached. False: the stream has to wait there for the replies. */
  reached(): boolean {
    const read = this.#read as OutstandingRead;
    read.fenced = true;
    return this.#shipIfComplete(read);
  }

  /** The engine has answered. True: the stream waited for it and can go on. */
  answered(replies: readonly Reply[]): boolean {
    if (this.#read === undefined) return false;
    this.#read.replies = replies;
    return this.#shipIfComplete(this.#read);
  }

  /** No answer will come: what was asked is wanted again. */
  lost(): void {
    const read = this.#read;
    if (read === undefined) return;
    this.#read = undefined;
    // In the order in which it was asked for.
    const later = this.#wanted.take(() => true);
    for (const request of [...read.requests, ...later]) this.#wanted.add(request);
    if (read.holdsUnit) this.#unitWants = true;
  }

  #shipIfComplete(read: OutstandingRead): boolean {
    if (!read.fenced || read.replies === undefined) return false;
    this.#ship(read, read.replies);
    return true;
  }

  #ship(read: OutstandingRead, replies: readonly Reply[]): void {
    this.#read = undefined;
    read.requests.forEach((request, i) => {
      const purpose = this.#purposeOf(request);
      if (request.kind === 'members') this.#popped.delete(request.key);
      if (request.kind === 'cells') this.#scored.delete(request.key);
      if (request.kind === 'json' && this.#wanted.json(request.key) === undefined) {
        this.#jsonKeys.delete(request.key);
      }
      if (request.kind === 'json' && this.#covered.has(request.key)) return;
      const { ops, sortedSet, list, hyperLogLog, integersAt } = this.#outcomeOf(
        request,
        replies[i] as Reply,
        purpose,
      );
      for (const { kind, args, flags } of ops) {
        this.#write(kind, args, flags ?? 0);
      }
      // The group is gone again, but not the stream that was made for it.
      if (request.kind === 'group' && request.makesStream && ops.length === 0) {
        this.#wanted.add({ kind: 'whole', key: request.key, listLength: 'unchanged' });
      }
      if (sortedSet !== undefined) this.#shadows.keepSortedSet(request.key, sortedSet);
      if (list !== undefined) {
        this.#shadows.keepList(request.key, list);
        this.#onFollowed(request.key, list.length);
      }
      if (hyperLogLog === true) this.#shadows.keepHyperLogLog(request.key);
      for (const path of integersAt ?? []) this.#shadows.json.keep(request.key, path);
      if (!read.holdsUnit && !this.#unitWaits) this.#own.endUnit();
    });
    // Writes that came meanwhile may hold the unit open for a read of their own.
    if (read.holdsUnit && this.#covered.size === 0 && !this.#unitWants) this.closeUnit();
  }

  #outcomeOf(request: ReadRequest, reply: Reply, purpose: WholePurpose): ReadOutcome {
    if (isStreamRequest(request)) return { ops: this.#streams.opsOf(request, reply) };
    return opsOfRead(request, reply, purpose);
  }

  /** What a whole read is for. It is not wanted any more. */
  #purposeOf({ kind, key }: ReadRequest): WholePurpose {
    if (kind !== 'whole') return 'assert';
    const isCovered = this.#covered.delete(key);
    const isUnion = this.#unions.delete(key);
    if (isUnion) return 'union';
    return isCovered ? 'write' : 'assert';
  }
}

function writeKind(kind: JsonChange['kind'] | undefined): OtherWrite['kind'] {
  if (kind === 'add') return 'add';
  const replaces = kind === undefined || kind === 'assign' || kind === 'delete' || kind === 'clear';
  return replaces ? 'replace' : 'change';
}
