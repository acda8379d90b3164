// Takes in the replication stream: tells local writes from the echo of applied batches, hands local ones to
// the interpreter, and turns what comes out into own ops. Reads that writes or conflicts ask for start
// and end here too, because their place in the stream is what makes them exact.
//
//   outside      MULTI -> opening; a fence of a read -> ship what was read; else a local write
//   opening      a fence of ours -> echo; anything else -> transaction
//   transaction  local writes up to EXEC: one unit
//   echo         skipped up to EXEC, except keys that expired just then

import type { HybridClock } from '../model/clock.ts';
import { OpFlag, OpKind } from '../model/op.ts';
import type { Replicas, Slot, VersionVector } from '../model/version-vector.ts';
import { Command } from '../resp/command.ts';
import { encodeStrings } from '../resp/encode.ts';
import type { Reply } from '../resp/reply-parser.ts';
import { StreamParser } from '../resp/stream-parser.ts';
import { FENCE_CHANNEL, type Fence, type FenceMaker } from './apply/fence.ts';
import type { Counters } from './counters.ts';
import { Interpreter, type KeyPositions } from './interpret/interpreter.ts';
import { OwnOps } from './interpret/own-ops.ts';
import { opsOfRead, ReadQueue, type ReadRequest } from './interpret/reads.ts';
import { Shadows } from './interpret/shadows.ts';
import type { OpSink } from './interpret/sink.ts';
import { encodeVisible } from './journal.ts';
import { effectOf } from './live/effect.ts';
import type { Assertion } from './live/live-index.ts';
import type { LiveOp } from './live/live-op.ts';

/** What regions may show differently for a moment is asserted so much later, once for many conflicts. */
const SETTLE_AFTER_MS = 30;

interface Settling {
  readonly cells: Set<string>;
  expiry: boolean;
  whole: boolean;
  /** When it is read, in ms. */
  readonly due: number;
}

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
  readonly port: IntakePort;
  readonly counters: Counters;
  readonly keyPositions: (name: string) => KeyPositions | undefined;
  readonly onOwnOp: (op: LiveOp) => void;
  /** A batch is visible from here on. Returns the commands that were sent for it, none if that is not
   * known; undefined: there is no such batch. */
  readonly onApplied: (fence: Fence) => Buffer | undefined;
  /** A key expired while a batch touched it, which was decided without knowing that. */
  readonly onExpired: (key: string) => void;
}

type Mode = 'outside' | 'opening' | 'transaction' | 'echo';

interface OutstandingRead {
  readonly number: number;
  readonly requests: readonly ReadRequest[];
  /** Some write's unit stays open until this read is shipped. */
  readonly holdsUnit: boolean;
  replies: readonly Reply[] | undefined;
  /** Its fence has come by. */
  fenced: boolean;
}

export class Intake implements OpSink {
  readonly #options: IntakeOptions;
  readonly #own: OwnOps;
  readonly #shadows = new Shadows();
  readonly #interpreter: Interpreter;
  readonly #command = new Command();
  readonly #names = new Map<string, string>();
  readonly #reads = new ReadQueue();
  /** Keys whose writes are covered by a whole read that a write asked for. */
  readonly #covered = new Set<string>();
  /** Sorted sets from which something unknown was removed: increments there have an unknown base. */
  readonly #popped = new Set<string>();
  /** Sorted sets whose new scores are being read: their expiry must follow, or it finds no key. */
  readonly #scored = new Set<string>();
  /** DELs of the open transaction, by key: a later write of the key replaces its value. */
  readonly #removed = new Map<string, LiveOp>();
  /** Per key what is to be asserted. */
  readonly #settling = new Map<string, Settling>();
  #parser = new StreamParser();
  #mode: Mode = 'outside';
  /** The fence whose echo is passing. */
  #echo: Fence | undefined;
  #read: OutstandingRead | undefined;
  #readNumber = 0;
  #blocked = false;
  #unitWaits = false;
  #now = 0;

  constructor(options: IntakeOptions) {
    this.#options = options;
    const { replicas, self, clock, visible } = options;
    this.#own = new OwnOps(replicas, self, clock, visible[self] as number);
    this.#own.observe(visible);
    this.#interpreter = new Interpreter(this, this.#shadows, options.keyPositions);
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
    return this.#mode === 'outside' && !this.#own.unitIsOpen && !this.#unitWaits;
  }

  get isIdle(): boolean {
    return (
      this.atBoundary &&
      this.#reads.isEmpty &&
      this.#read === undefined &&
      this.#settling.size === 0
    );
  }

  /** The stream begins, or goes on, at this offset. */
  startAt(offset: number): void {
    this.#parser = new StreamParser(offset);
    this.#own.reached(offset);
    this.#mode = 'outside';
  }

  feed(chunk: Buffer, now: number): void {
    this.#now = now;
    this.#parser.feed(chunk);
    this.#process();
  }

  tick(now: number): void {
    this.#now = now;
    for (const [key, { cells, expiry, whole, due }] of this.#settling) {
      if (due > now) continue;
      this.#settling.delete(key);
      if (whole) this.#reads.add({ kind: 'whole', key });
      else {
        const names = [...cells];
        if (names.length > 0) this.#reads.add({ kind: 'cells', key, names, skipIntegers: true });
        if (expiry) this.#reads.add({ kind: 'expiry', key });
      }
    }
  }

  /** Records for the log, in order; none while a unit is open. */
  takeRecords(): Buffer[] {
    if (this.#own.unitIsTooLong && this.#mode === 'outside') this.#closeUnit();
    return this.atBoundary ? this.#own.take() : [];
  }

  /** A remote op is visible from here on. What it adds to a set from which something unknown was just
   * removed would look as if it had been left there: its score is shipped too. */
  noteRemote(op: LiveOp): void {
    if (this.#popped.size === 0 || !this.#popped.has(op.key)) return;
    if (op.kind !== OpKind.zincr && op.kind !== OpKind.zadd) return;
    this.readScores(op.key, effectOf(op).cells.map((cell) => cell.name));
  }

  /** An own op writes to a cell of a value that only its writers know. */
  markOnOpaque(op: LiveOp): void {
    this.#own.setFlag(op, OpFlag.onOpaque);
  }

  /** Reads in a moment what this member must assert of a key. */
  assert(key: string, assertion: Assertion, now: number): void {
    let settling = this.#settling.get(key);
    if (settling === undefined) {
      settling = { cells: new Set(), expiry: false, whole: false, due: now + SETTLE_AFTER_MS };
      this.#settling.set(key, settling);
    }
    if (assertion.kind === 'whole') settling.whole = true;
    else if (assertion.kind === 'expiry') settling.expiry = true;
    else for (const name of assertion.names) settling.cells.add(name);
  }

  /** Starts the next read, unless one is under way. */
  requestReads(): void {
    if (this.#read !== undefined || this.#reads.isEmpty || this.#mode !== 'outside') return;
    const requests = this.#reads.take();
    const number = ++this.#readNumber;
    const holdsUnit = this.#unitWaits;
    this.#read = { number, requests, holdsUnit, replies: undefined, fenced: false };
    const token = this.#options.fences.token({ kind: 'read', number, origin: 0, seq: 0 });
    this.#options.port.read(FENCE_CHANNEL, token, requests);
    this.#options.port.hurry();
  }

  readDone(replies: readonly Reply[]): void {
    if (this.#read === undefined) return;
    this.#read.replies = replies;
    if (!this.#read.fenced) return;
    this.#ship(this.#read, replies);
    this.#blocked = false;
    this.#process();
  }

  /** The connection was lost: what was asked is asked again. */
  readLost(): void {
    const read = this.#read;
    if (read === undefined) return;
    this.#read = undefined;
    for (const request of read.requests) this.#reads.add(request);
    if (!this.#blocked) return;
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
    const name = this.#nameOf(command);
    if (name === 'MULTI') {
      this.#mode = 'opening';
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
    const name = this.#nameOf(command);
    this.#mode = 'transaction';
    if (name === 'SPUBLISH' && command.arg(1) === FENCE_CHANNEL) {
      const fence = this.#options.fences.verify(command.arg(2));
      const sent = fence?.kind === 'apply' ? this.#begin(fence) : undefined;
      if (sent !== undefined) {
        this.#mode = 'echo';
        // Mostly the echo is what was sent, to the byte.
        if (this.#shadows.isEmpty) this.#parser.pass(sent);
        return;
      }
      // A read that made a key expire: the DEL that follows is a local write.
      if (fence?.kind === 'read' && this.#readFence(fence)) return;
      this.#options.counters.strangeFences++;
      return;
    }
    this.#inTransaction(command, name);
  }

  #inTransaction(command: Command, name = this.#nameOf(command)): void {
    if (name === 'EXEC') {
      this.#mode = 'outside';
      this.#removed.clear();
      this.#endUnit();
    } else {
      this.#interpreter.interpret(name, command);
    }
  }

  /** Returns the commands that were sent for the batch; undefined: there is no such batch. */
  #begin(fence: Fence): Buffer | undefined {
    const commands = this.#options.onApplied(fence);
    if (commands !== undefined) this.#echo = fence;
    return commands;
  }

  #inEcho(command: Command): void {
    if (command.argc === 1 && command.argLength(0) === 4) {
      this.#mode = 'outside';
      this.#endEcho();
      return;
    }
    if (command.argc === 2) this.#watchForExpiry(command);
    if (!this.#shadows.isEmpty) this.#shadows.follow(this.#nameOf(command), command);
  }

  /** A key that came due while the batch touched it is removed by its engine (DEL), not by the batch
   * (UNLINK): a write of this region, which has not observed the batch. */
  #watchForExpiry(command: Command): void {
    if (this.#nameOf(command) !== 'DEL') return;
    this.verbatim(OpKind.del, command, 1);
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
    if (!this.#unitWaits) this.#own.endUnit();
  }

  #closeUnit(): void {
    this.#unitWaits = false;
    this.#covered.clear();
    this.#own.endUnit();
  }

  #readFence(fence: Fence): boolean {
    const read = this.#read;
    if (read === undefined || read.number !== fence.number) return false;
    read.fenced = true;
    if (read.replies === undefined) this.#blocked = true;
    else this.#ship(read, read.replies);
    return true;
  }

  #ship(read: OutstandingRead, replies: readonly Reply[]): void {
    this.#read = undefined;
    read.requests.forEach((request, i) => {
      if (request.kind === 'whole') this.#covered.delete(request.key);
      if (request.kind === 'members') this.#popped.delete(request.key);
      if (request.kind === 'cells') this.#scored.delete(request.key);
      const { ops, shadow } = opsOfRead(request, replies[i] as Reply);
      for (const { kind, args, flags } of ops) {
        this.#write(kind, args, flags ?? 0);
      }
      if (shadow !== undefined) this.#shadows.keepSortedSet(request.key, shadow);
      if (!read.holdsUnit && !this.#unitWaits) this.#own.endUnit();
    });
    // Writes that came meanwhile may hold the unit open for a read of their own.
    if (read.holdsUnit && this.#covered.size === 0 && this.#reads.isEmpty) this.#closeUnit();
    else if (!this.#unitWaits && this.#mode === 'outside') this.#own.endUnit();
  }

  // --- what the interpreter produces (OpSink) -----------------------------------------------------

  verbatim(kind: OpKind, command: Command, keyIndex: number): void {
    const key = command.arg(keyIndex);
    if (this.#unitWaits && this.#isRead(kind, key, () => command.arg(3))) return;
    const keyAt = command.argStart[keyIndex] as number;
    this.#add(kind, 0, key, keyAt, command.buffer, command.start, command.end);
  }

  rewritten(kind: OpKind, args: readonly string[]): void {
    if (this.#unitWaits && this.#isRead(kind, args[1] as string, () => args[3] as string)) return;
    this.#write(kind, args, 0);
  }

  /** Whether a read that is under way, or one that this asks for, will ship what this write does. */
  #isRead(kind: OpKind, key: string, member: () => string): boolean {
    if (this.#covered.has(key)) return true;
    if (kind === OpKind.zincr && this.#popped.has(key)) {
      this.readScores(key, [member()]);
      return true;
    }
    if (this.#popped.has(key) && OTHER_TYPES.has(kind)) {
      // A write of another type: the sorted set must have been emptied.
      this.#popped.delete(key);
      this.#write(OpKind.zretain, ['ZRETAIN', key], 0);
      return false;
    }
    if (kind === OpKind.expire && this.#scored.has(key)) {
      this.#holdUnit({ kind: 'expiry', key });
      return true;
    }
    return false;
  }

  message(command: Command): void {
    this.#add(OpKind.publish, 0, '', command.start, command.buffer, command.start, command.end);
  }

  readWhole(key: string): void {
    this.#shadows.drop(key);
    this.#covered.add(key);
    this.#holdUnit({ kind: 'whole', key });
  }

  readMembers(key: string): void {
    this.#popped.add(key);
    this.#holdUnit({ kind: 'members', key });
  }

  readScores(key: string, members: readonly string[]): void {
    this.#scored.add(key);
    this.#holdUnit({ kind: 'cells', key, names: members, skipIntegers: false });
  }

  unknownCommand(name: string): void {
    if (!this.#options.counters.unknownCommand(name)) return;
    this.#options.port.notice('warn', `${name} has no merge rule of its own`, {
      command: name,
      action: 'the whole value of its key is replicated; of concurrent writers the newest wins',
    });
  }

  unreplicable(name: string): void {
    this.#options.counters.unknownCommand(name);
    this.#options.port.notice('error', `${name} was run on an engine of a group`, {
      command: name,
      action:
        'it is not replicated: the members now differ. Deny it to clients and flush the group',
    });
  }

  #holdUnit(request: ReadRequest): void {
    this.#unitWaits = true;
    this.#reads.add(request);
  }

  #write(kind: OpKind, args: readonly string[], flags: number): void {
    const raw = encodeStrings(args);
    const name = args[0] as string;
    const key = args[1] as string;
    // *n\r\n$l\r\nNAME\r\n$l\r\nKEY\r\n
    const keyAt = 11 + digits(args.length) + digits(name.length) + name.length + digits(key.length);
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
    const op = this.#own.add(kind, flags, key, keyAt, source, from, to, this.#now);
    if (this.#mode === 'transaction') this.#noteRemoval(op);
    this.#options.onOwnOp(op);
  }

  /** DEL and then a write of the same key in one transaction: the value is replaced. */
  #noteRemoval(op: LiveOp): void {
    if (op.kind === OpKind.del) {
      this.#removed.set(op.key, op);
    } else if (this.#removed.size > 0 && !REMOVING.has(op.kind)) {
      const removal = this.#removed.get(op.key);
      if (removal !== undefined) this.#own.setFlag(removal, OpFlag.replaced);
    }
  }

  /** The command's name in upper case. Clients write names as they like; few spellings recur. */
  #nameOf(command: Command): string {
    const spelled = command.arg(0);
    const known = this.#names.get(spelled);
    if (known !== undefined) return known;
    const name = spelled.toUpperCase();
    if (this.#names.size < 10_000) this.#names.set(spelled, name);
    return name;
  }
}

function digits(n: number): number {
  return String(n).length;
}

/** Kinds that an engine refuses on a sorted set. */
const OTHER_TYPES: ReadonlySet<OpKind> = new Set([
  OpKind.incr,
  OpKind.incrFloat,
  OpKind.hset,
  OpKind.hincr,
  OpKind.hdel,
  OpKind.sadd,
  OpKind.srem,
  OpKind.opaque,
]);

const REMOVING: ReadonlySet<OpKind> = new Set([
  OpKind.hdel,
  OpKind.srem,
  OpKind.zrem,
  OpKind.zretain,
  OpKind.expire,
  OpKind.publish,
]);
