// Takes in the replication stream: tells local writes from the echo of applied batches, hands local ones to
// the interpreter, and turns what comes out into own ops. The stream waits here for a read whose place it
// has reached: that place is what makes the read exact.
//
//   outside      MULTI -> opening; a fence of a read -> ship what was read; else a local write
//   opening      a fence of ours -> echo; SELECT -> nothing; anything else -> transaction
//   transaction  local writes up to EXEC: one unit
//   echo         skipped up to EXEC, except keys that expired just then

import type { HybridClock } from '../model/clock.ts';
import { HYPERLOGLOG_KINDS, LIST_KINDS, OpFlag, OpKind, STREAM_KINDS } from '../model/op.ts';
import type { Replicas, Slot, VersionVector } from '../model/version-vector.ts';
import { Command } from '../resp/command.ts';
import type { Reply } from '../resp/reply-parser.ts';
import { StreamParser } from '../resp/stream-parser.ts';
import { FENCE_CHANNEL, type Fence, type FenceMaker } from './apply/fence.ts';
import type { Counters } from './counters.ts';
import { CommandNames } from './interpret/command-names.ts';
import { Interpreter, type KeyPositions } from './interpret/interpreter.ts';
import { ListShadow } from './interpret/list-shadow.ts';
import { OwnOps } from './interpret/own-ops.ts';
import { PendingAssertions } from './interpret/pending-assertions.ts';
import { PendingReads } from './interpret/pending-reads.ts';
import type { ReadRequest } from './interpret/reads.ts';
import { Shadows } from './interpret/shadows.ts';
import { StreamReads } from './interpret/stream-reads.ts';
import { TransactionRemovals } from './interpret/transaction-removals.ts';
import { UnitBuilder } from './interpret/unit-builder.ts';
import { encodeFollowed, encodeVisible } from './journal.ts';
import type { Assertion } from './live/assertion.ts';
import type { LiveOp } from './live/live-op.ts';
import type { LiveStreams } from './live/streams/live-streams.ts';

export interface IntakePort {
  read(channel: string, token: string, requests: readonly ReadRequest[]): void;
  hurry(offset?: number): void;
  notice(level: 'info' | 'warn' | 'error', message: string, details?: object): void;
}

export interface IntakeOptions {
  readonly replicas: Replicas;
  readonly self: Slot;
  readonly clock: HybridClock;
  readonly visible: VersionVector;
  readonly fences: FenceMaker;
  /** Differs from that of every earlier start of this replicator. */
  readonly life: number;
  readonly port: IntakePort;
  readonly counters: Counters;
  readonly keyPositions: (name: string) => KeyPositions | undefined;
  readonly liveStreams: LiveStreams;
  /** Libraries of functions are the same in all regions. */
  readonly replicatesFunctions?: boolean;
  /** JSON.SET of a whole document ends its expiry, in this engine. */
  readonly jsonSetEndsExpiry?: (() => boolean) | undefined;
  readonly onOwnOp: (op: LiveOp) => void;
  /** A batch is visible from here on. Returns the commands that were sent for it, none if that is not
   * known; undefined: there is no such batch. */
  readonly onApplied: (fence: Fence) => Buffer | undefined;
  /** The engine shows more of the key than its live ops say. */
  readonly isHeldBack: (key: string) => boolean;
  /** A key expired while a batch touched it, which was decided without knowing that. */
  readonly onExpired: (key: string) => void;
}

type Mode = 'outside' | 'opening' | 'transaction' | 'echo';

export class Intake {
  readonly #options: IntakeOptions;
  readonly #own: OwnOps;
  readonly #shadows = new Shadows();
  readonly #interpreter: Interpreter;
  readonly #command = new Command();
  readonly #names = new CommandNames();
  readonly #reads: PendingReads;
  readonly streams: StreamReads;
  readonly #removals: TransactionRemovals;
  readonly #units: UnitBuilder;
  #parser = new StreamParser();
  #hasStarted = false;
  #mode: Mode = 'outside';
  /** The fence whose echo is passing. */
  #echo: Fence | undefined;
  /** It touches a key that has a shadow. */
  #echoIsFollowed = false;
  /** The place of a read is reached, its replies are not here. */
  #blocked = false;

  constructor(options: IntakeOptions) {
    this.#options = options;
    const { replicas, self, clock, visible } = options;
    this.#own = new OwnOps(replicas, self, clock, visible[self] as number);
    this.#own.observe(visible);
    this.#removals = new TransactionRemovals(this.#own);
    this.streams = new StreamReads(
      options.liveStreams,
      () => this.#own.seq,
      () => this.#units.nowMs,
    );
    this.#reads = new PendingReads(
      this.#own,
      this.#shadows,
      this.streams,
      new PendingAssertions(options.self),
      (kind, args, flags) => this.#units.write(kind, args, flags),
      // A replicator that starts again must know it for what it has not taken in yet.
      (key, length) => this.#own.record(encodeFollowed(key, length)),
    );
    this.#units = new UnitBuilder(
      {
        own: this.#own,
        reads: this.#reads,
        shadows: this.#shadows,
        streams: this.streams,
        removals: this.#removals,
      },
      {
        countUnknown: (name) => options.counters.unknownCommand(name),
        onOwnOp: options.onOwnOp,
        isHeldBack: options.isHeldBack,
        notice: (...args) => options.port.notice(...args),
      },
    );
    this.#interpreter = new Interpreter(this.#units, this.#shadows, options.keyPositions, options);
  }

  /** Replication offset up to which the stream has been taken in. */
  get offset(): number {
    return this.#parser.consumed;
  }

  /** Nothing more can be taken in until a read is answered. */
  get isBlocked(): boolean {
    return this.#blocked;
  }

  /** What was taken in ends between units: it can be logged, and resumed from. */
  get atBoundary(): boolean {
    return this.#mode === 'outside' && !this.#own.unitIsOpen && !this.#reads.unitWaits;
  }

  /** The echo of a batch has begun to pass, and not ended. */
  get isInEcho(): boolean {
    return this.#mode === 'echo';
  }

  get isIdle(): boolean {
    return this.atBoundary && this.#reads.isEmpty;
  }

  /** These lists are known, as they were where the stream goes on. */
  followLists(lengths: ReadonlyMap<string, number>): void {
    for (const [key, length] of lengths) {
      this.#shadows.keepList(key, new ListShadow(length, length === 0 ? [] : undefined));
    }
  }

  get hasStarted(): boolean {
    return this.#hasStarted;
  }

  /** The stream begins at this offset; or it was interrupted, and goes on behind the last command that was
   * taken in: in the middle of a unit or an echo, perhaps, of which everything that is known still holds. */
  startAt(offset: number): void {
    this.#parser = new StreamParser(offset);
    if (this.#hasStarted) return;
    this.#hasStarted = true;
    this.#own.reached(offset);
  }

  feed(chunk: Buffer, now: number): void {
    this.#units.nowMs = now;
    this.#parser.feed(chunk);
    this.#process();
  }

  tick(now: number): void {
    this.#units.nowMs = now;
    this.#reads.tick(now);
  }

  /** Records for the log, in order; none while a unit is open. */
  takeRecords(): Buffer[] {
    if (this.#own.unitIsTooLong && this.#mode === 'outside') this.#reads.closeUnit();
    return this.atBoundary ? this.#own.take() : [];
  }

  /** A remote op is visible from here on. */
  noteRemote(op: LiveOp): void {
    this.#reads.noteRemote(op);
    if (op.kind === OpKind.xadd) this.streams.noteRemoteAdd(op);
    else if (!STREAM_KINDS.has(op.kind)) this.streams.forget(op.key);
    if (LIST_KINDS.has(op.kind) && this.#shadows.list(op.key) === undefined) {
      this.#reads.wantList(op.key);
    }
    if (HYPERLOGLOG_KINDS.has(op.kind)) this.#shadows.keepHyperLogLog(op.key);
    if (!this.#echoIsFollowed) this.#echoIsFollowed = this.#shadows.follows(op.key);
  }

  /** These keys hold a HyperLogLog. */
  noteHyperLogLogs(keys: Iterable<string>): void {
    for (const key of keys) this.#shadows.keepHyperLogLog(key);
  }

  /** An own op writes to a cell of a value that only its writers know. */
  markOnOpaque(op: LiveOp): void {
    this.#own.setFlag(op, OpFlag.onOpaque);
  }

  /** Whether something is to be read and shipped of the key. */
  asserts(key: string): boolean {
    return this.#reads.asserts(key);
  }

  /** Reads in a moment what this member must assert of a key. */
  assert(key: string, assertion: Assertion, now: number): void {
    this.#reads.assert(key, assertion, now);
  }

  /** Whether a read will yield ops on this key that are not there yet. */
  readShips(key: string): boolean {
    return this.#reads.ships(key);
  }

  /** Starts the next read, unless one is under way, of keys that may be read now. */
  requestReads(mayRead: (key: string) => boolean): void {
    if (this.#mode !== 'outside') return;
    const read = this.#reads.begin(mayRead);
    if (read === undefined) return;
    const { number, requests } = read;
    const token = this.#options.fences.token({
      kind: 'read',
      number,
      origin: 0,
      seq: this.#options.life,
    });
    this.#options.port.read(FENCE_CHANNEL, token, requests);
    this.#options.port.hurry();
  }

  readDone(replies: readonly Reply[]): void {
    if (!this.#reads.answered(replies)) return;
    this.#endShipped();
    this.#goOn();
  }

  /** The connection was lost: what was asked is asked again. */
  readLost(): void {
    this.#reads.lost();
    if (this.#blocked) this.#goOn();
  }

  #enter(mode: Mode): void {
    this.#mode = mode;
    this.#units.inTransaction = mode === 'transaction';
  }

  #goOn(): void {
    this.#blocked = false;
    this.#process();
  }

  // --- the stream ---------------------------------------------------------------------------------

  #process(): void {
    const command = this.#command;
    while (!this.#blocked && this.#parser.next(command)) {
      switch (this.#mode) {
        case 'outside':
          this.#outside(command);
          break;
        case 'opening':
          this.#opening(command);
          break;
        case 'transaction':
          this.#inTransaction(command);
          break;
        case 'echo':
          this.#inEcho(command);
          break;
      }
      if (this.#mode === 'outside') this.#own.reached(this.#parser.consumed);
    }
  }

  #outside(command: Command): void {
    const name = this.#names.of(command);
    if (name === 'MULTI') {
      this.#enter('opening');
      return;
    }
    if (name === 'SPUBLISH' && command.arg(1) === FENCE_CHANNEL) {
      const fence = this.#options.fences.verify(command.arg(2));
      if (!this.#bareFence(fence)) this.#options.counters.strangeFences++;
      return;
    }
    this.#interpreter.interpret(name, command);
    this.#endUnit();
  }

  /** A fence outside MULTI: a read, or a batch that changed nothing. */
  #bareFence(fence: Fence | undefined): boolean {
    if (fence?.kind === 'read') return this.#readFence(fence);
    if (fence === undefined || this.#begin(fence) === undefined) return false;
    this.#endEcho();
    return true;
  }

  #opening(command: Command): void {
    const name = this.#names.of(command);
    // Newer engines name the database of the first write of a stream within its transaction.
    if (name === 'SELECT') return;
    this.#enter('transaction');
    if (name === 'SPUBLISH' && command.arg(1) === FENCE_CHANNEL) {
      const fence = this.#options.fences.verify(command.arg(2));
      const sent = fence?.kind === 'apply' ? this.#begin(fence) : undefined;
      if (sent !== undefined) {
        this.#enter('echo');
        // Mostly the echo is what was sent, to the byte.
        if (!this.#echoIsFollowed) this.#parser.pass(sent);
        return;
      }
      // A read that made a key expire: the DEL that follows is a local write.
      if (fence?.kind === 'read' && this.#readFence(fence)) return;
      this.#options.counters.strangeFences++;
      return;
    }
    this.#inTransaction(command, name);
  }

  #inTransaction(command: Command, name = this.#names.of(command)): void {
    if (name === 'EXEC') {
      this.#enter('outside');
      this.#removals.clear();
      this.#endUnit();
    } else {
      this.#interpreter.interpret(name, command);
    }
  }

  /** Returns the commands that were sent for the batch; undefined: there is no such batch. */
  #begin(fence: Fence): Buffer | undefined {
    this.#echoIsFollowed = false;
    const commands = this.#options.onApplied(fence);
    // What is settled is not among the ops.
    if (fence.origin === 0) this.#echoIsFollowed = !this.#shadows.isEmpty;
    if (commands !== undefined) this.#echo = fence;
    return commands;
  }

  #inEcho(command: Command): void {
    if (command.argc === 1 && command.argLength(0) === 4) {
      this.#enter('outside');
      this.#endEcho();
      return;
    }
    if (command.argc === 2) this.#watchForExpiry(command);
    if (!this.#shadows.isEmpty) this.#shadows.follow(this.#names.of(command), command);
  }

  /** A key that came due while the batch touched it is removed by its engine (DEL), not by the batch
   * (UNLINK): a write of this region, which has not observed the batch. */
  #watchForExpiry(command: Command): void {
    if (this.#names.of(command) !== 'DEL') return;
    this.#interpreter.remove(command);
    this.#own.endUnit();
    this.#options.onExpired(command.arg(1));
  }

  #endEcho(): void {
    const fence = this.#echo as Fence;
    this.#echo = undefined;
    const position = this.#parser.consumed;
    this.#own.record(
      encodeVisible({ origin: fence.origin, seq: fence.seq, position, fence: fence.number }),
    );
    this.#own.observe(this.#options.visible);
  }

  // --- units and reads ----------------------------------------------------------------------------

  #endUnit(): void {
    if (!this.#reads.unitWaits) this.#own.endUnit();
  }

  #readFence(fence: Fence): boolean {
    // An earlier life read another state, at another place.
    if (fence.seq !== this.#options.life || !this.#reads.isUnderWay(fence.number)) return false;
    if (this.#reads.reached()) this.#endShipped();
    else this.#blocked = true;
    return true;
  }

  /** Its unit was closed before it came: what was shipped is one, or part of the transaction. */
  #endShipped(): void {
    if (this.#mode === 'outside') this.#endUnit();
  }
}
