// The replicator without sockets, files, timers or clocks: a deterministic state machine. Inputs are
// method calls (bytes of the stream, frames and statements of peers, replies of the engine, the time);
// outputs go to CorePort. The shell (replicator.ts) and the simulation (test/sim) both drive it.
//
// A turn is one or more inputs followed by `endTurn`, which carries out the effects in the one safe
// order: first the log, then the engine, then the peers.

import { HybridClock } from '../model/clock.ts';
import { isWrite } from '../model/op.ts';
import {
  type ReplicaId,
  Replicas,
  type Slot,
  type VersionEntries,
  type VersionVector,
} from '../model/version-vector.ts';
import type { Reply } from '../resp/reply-parser.ts';
import type { Record } from '../wire/record.ts';
import { Applier, type Attempt, type ExecuteOutcome, type KnownFences } from './apply/applier.ts';
import { type Fence, FenceMaker } from './apply/fence.ts';
import { Inbound } from './apply/inbound.ts';
import { Arrivals } from './arrivals.ts';
import { Backpressure } from './backpressure.ts';
import { CaptureTimes } from './capture-times.ts';
import { ClockGuard } from './clock-guard.ts';
import { logCommitted } from './committed-batches.ts';
import { ConflictLog } from './conflicts/conflict-log.ts';
import type { CommandError, CoreOptions, CorePort } from './core-port.ts';
import { Counters } from './counters.ts';
import { DecidedMeasurements } from './decided-measurements.ts';
import { Decider, type Measurements } from './decider.ts';
import { Intake } from './intake.ts';
import { type Checkpoint, encodeCheckpoint, encodeMeasured, encodeOver } from './journal.ts';
import { assertionsOf, QUIET } from './live/assertion.ts';
import { LiveIndex } from './live/live-index.ts';
import type { LiveOp } from './live/live-op.ts';
import type { Measurement } from './live/live-value.ts';
import { LiveStreams } from './live/streams/live-streams.ts';
import { MissingDeps } from './missing-deps.ts';
import { memoryOf } from './op-history.ts';
import { Published } from './published.ts';
import { Races } from './races.ts';
import { replay } from './recovery.ts';
import { Refusals } from './refusal.ts';
import { Stability } from './stability.ts';

const NO_COMMANDS = Buffer.alloc(0);

export class Core {
  readonly counters = new Counters();
  readonly conflicts: ConflictLog;
  readonly clockGuard: ClockGuard;
  readonly replicas: Replicas;
  readonly index: LiveIndex;
  readonly #options: CoreOptions;
  readonly #self: Slot;
  readonly #gone: Map<Slot, number>;
  readonly #port: CorePort;
  readonly #fences: FenceMaker;
  /** Per slot the highest sequence visible in the engine; own slot: the last own op. */
  readonly #visible: VersionVector;
  readonly #clock = new HybridClock();
  readonly #inbound: Inbound;
  readonly #decider: Decider;
  readonly #backpressure: Backpressure;
  readonly #missing: MissingDeps;
  readonly #races: Races;
  readonly #refusals: Refusals;
  #measured: DecidedMeasurements;
  /** What every member has. */
  stability: Stability;
  #applier: Applier;
  #intake: Intake;
  readonly #arrivals: Arrivals;
  #now = 0;
  readonly #captureTimes: CaptureTimes;
  /** Where capture last began. */
  #position = { replicationId: '', offset: 0 };
  /** What the log's end stands for; as vectors, because every turn that appends updates it. */
  readonly #published: Published;
  #visibleChanged = false;
  #isRecovering = false;

  constructor(options: CoreOptions) {
    this.#options = options;
    this.#port = options.port;
    this.replicas = new Replicas([...options.members].sort((a, b) => a - b));
    const self = this.replicas.slotOf(options.self);
    if (self === undefined) throw new Error(`replica ${options.self} is not one of the members`);
    this.#self = self;
    this.#gone = this.replicas.slotsOf(options.gone ?? new Map());
    this.#fences = new FenceMaker(options.secret);
    this.#visible = this.replicas.emptyVector();
    this.#inbound = new Inbound(this.replicas, self);
    this.clockGuard = new ClockGuard(this.replicas, this.#inbound, this.#clock, options);
    this.conflicts = new ConflictLog(this.replicas, options.conflicts);
    this.index = new LiveIndex(
      self,
      this.replicas.count,
      // What is replayed from the log was marked when it was written, or it was not to be.
      (op) => this.#isRecovering || this.#intake.markOnOpaque(op),
      (op, met) => this.#isRecovering || this.conflicts.met(op.key, met, this.#now),
      this.#gone,
      memoryOf(this.replicas, self, options, {
        isBusy: (key) => this.#applier.settles(key) || this.#intake.asserts(key),
        cutAfter: () => this.#intake.streams.cutAfter,
      }),
    );
    this.#decider = new Decider(this.index, options.hasGap);
    this.#measured = new DecidedMeasurements(new Map());
    this.stability = new Stability(this.replicas, self, this.#visible, this.#gone);
    this.#races = new Races(this.index, this.counters, {
      settle: (key, what) => this.#applier.settle(key, what),
      assert: (key, assertion, now) => this.#intake.assert(key, assertion, now),
    });
    const settle = (key: string) => this.#applier.settle(key, 'exact value');
    this.#refusals = new Refusals(this.index, this.counters, options.port, settle);
    this.#captureTimes = new CaptureTimes(this.replicas.count);
    this.#backpressure = new Backpressure(this.replicas, this.#inbound, options.port);
    const shared = { replicas: this.replicas, self, inbound: this.#inbound };
    const counts = { captureTimes: this.#captureTimes, counters: this.counters };
    this.#arrivals = new Arrivals({ ...shared, ...counts, backpressure: this.#backpressure });
    this.#missing = new MissingDeps({ ...shared, gone: this.#gone, port: options.port });
    this.#applier = this.#newApplier({ seenFence: 0, issuedFence: 0 });
    this.#intake = this.#newIntake();
    this.#published = new Published(this.replicas, self);
  }

  /** Rebuilds the state from the records of the log. Call once, before any other input. */
  recover(records: Iterable<Record>): void {
    this.#isRecovering = true;
    const recovered = replay(records, {
      ...{ replicas: this.replicas, self: this.#self, index: this.index },
      ...{ inbound: this.#inbound, visible: this.#visible, clock: this.#clock },
    });
    this.#isRecovering = false;
    this.#position = recovered.position;
    this.stability = new Stability(this.replicas, this.#self, recovered.frontier, this.#gone);
    this.#applier = this.#newApplier(recovered);
    this.#intake = this.#newIntake();
    this.#measured = new DecidedMeasurements(recovered.measured);
    this.#intake.noteHyperLogLogs(recovered.hyperLogLogs);
    if (this.#options.hasGap?.() !== true) {
      this.#intake.followLists(recovered.followed);
      for (const [key, what] of recovered.unsettled) this.#applier.settle(key, what);
    }
    // What had been asserted before the crash is asserted again: that changes nothing.
    for (const [key, all] of recovered.assertions) {
      for (const what of all) this.#intake.assert(key, what, this.#now);
    }
    for (const [key, after] of recovered.cuts) this.#intake.streams.wantCut(key, after);
    this.#publish();
  }

  /** Where capture must resume; undefined before the very first start. */
  get resumePosition(): { replicationId: string; offset: number } | undefined {
    const { replicationId, offset } = this.#position;
    if (replicationId === '') return undefined;
    return { replicationId, offset: this.#intake.hasStarted ? this.#intake.offset : offset };
  }

  /** Capture has begun, or goes on, at this position. */
  captureStarted(replicationId: string, offset: number): void {
    // A crash must not lose where the history begins, nor that it goes on under another id.
    const isNew = this.#position.replicationId !== replicationId;
    this.#position = { replicationId, offset };
    this.#published.replicationId = replicationId;
    // Where it goes on may be in the middle of a unit, which is not in the log.
    if (!this.#intake.hasStarted) this.#published.position = offset;
    this.#intake.startAt(offset);
    if (isNew) this.#port.append([encodeCheckpoint(this.published)]);
  }

  /** The apply connection to the engine is up; older ones are gone. */
  engineConnected(): void {
    this.#intake.readLost();
    this.#applier.engineConnected();
  }

  /** Fences that have not come by never will: whoever reads the log must not apply again what the engine has. */
  streamLost(): void {
    logCommitted(this.#applier.committed, this.replicas, this.publishedPosition, this.#port);
  }

  /** Bytes of the engine's replication stream. */
  stream(chunk: Buffer, now: number): void {
    this.#now = now;
    this.#intake.feed(chunk, now);
  }

  /** The capture cannot take more until a read is answered. */
  get isBlocked(): boolean {
    return this.#intake.isBlocked;
  }

  /** A frame from a peer; it may be one of another origin. Throws CorruptInput. */
  frame(bytes: Buffer): void {
    this.#arrivals.frame(bytes);
  }

  /** The highest sequence of `origin` that has arrived without a gap. */
  receivedOf(origin: ReplicaId): number {
    const slot = this.replicas.slotOf(origin);
    return slot === undefined ? 0 : this.#received(slot);
  }

  /** A peer stated what is visible in its engine. */
  stated(peer: ReplicaId, entries: VersionEntries): void {
    const slot = this.replicas.slotOf(peer);
    if (slot !== undefined) this.stability.stated(slot, entries);
  }

  probed(offset: number, measured: readonly Measurement[] = []): void {
    this.#applier.probed(offset, measured);
  }

  /** EXEC was answered; `errors` are of its commands, counted from 0 behind the fence. */
  executed(outcome: ExecuteOutcome, errors: readonly CommandError[] = []): void {
    const attempt = this.#applier.current;
    this.#applier.executed(outcome);
    if (outcome.kind === 'committed' && attempt) this.#refusals.of(errors, attempt);
  }

  readDone(replies: readonly Reply[]): void {
    this.#intake.readDone(replies);
  }

  readFailed(): void {
    this.#intake.readLost();
  }

  assertKey(key: string): void {
    this.#intake.assert(key, { kind: 'whole' }, this.#now);
  }

  tick(now: number): void {
    this.#now = now;
    this.#intake.tick(now);
    this.#missing.ask(this.#applier.scheduled, now);
  }

  /** Carries out what the inputs of this turn led to. After the last the log stands for all that is known. */
  endTurn(now: number, isLast = false): void {
    this.#now = now;
    const own = this.#intake.takeRecords();
    const received = this.#arrivals.take();
    const over = this.index.takeOver().map(encodeOver);
    if (received.length > 0 || over.length > 0 || own.length > 0 || isLast) {
      this.#port.append([...received, ...over, ...own]);
      this.#publish();
    }
    if (own.length > 0) this.index.ownOpsLogged();
    // In the midst of an echo a key may still expire: a write that has not observed what is visible already.
    if (!this.#intake.isInEcho && this.stability.advance(this.#visible)) {
      this.index.stabilise(this.stability.frontier);
    } else this.index.sweep();
    this.clockGuard.turn(now);
    this.#applier.captured(this.#intake.offset);
    this.#intake.requestReads((key) => !this.#applier.isTouching(key));
    this.#applier.pump(now);
    if (this.#visibleChanged && this.#intake.atBoundary) {
      this.#visibleChanged = false;
      this.#port.acknowledge(this.replicas.toEntries(this.#published.visible));
    }
    this.#backpressure.relieve();
  }

  get isIdle(): boolean {
    return this.#applier.isIdle && this.#intake.isIdle && this.#inbound.waitingOps === 0;
  }

  get capturedOffset(): number {
    return this.#intake.offset;
  }

  /** The state that the log's end stands for. */
  get published(): Checkpoint {
    return this.#published.checkpoint();
  }

  /** Up to here the stream is in the log. */
  get publishedPosition(): number {
    return this.#published.position;
  }

  get frontier(): VersionEntries {
    return this.replicas.toEntries(this.stability.frontier);
  }

  /** Ops that wait to be applied, and how often applying was tried again. */
  get applying() {
    return { waiting: this.#inbound.waitingOps, retries: this.#applier.retries };
  }

  get #shared() {
    const { replicas } = this;
    return { replicas, visible: this.#visible, fences: this.#fences, port: this.#port };
  }

  #newIntake(): Intake {
    return new Intake({
      ...this.#shared,
      ...{ self: this.#self, clock: this.#clock, life: this.#options.life },
      counters: this.counters,
      keyPositions: this.#options.keyPositions ?? (() => undefined),
      liveStreams: new LiveStreams(this.index),
      replicatesFunctions: this.#options.replicatesFunctions === true,
      jsonSetEndsExpiry: this.#options.jsonSetEndsExpiry,
      onOwnOp: (op) => this.#integrateOwn(op),
      onApplied: (fence) => this.#applied(fence),
      isHeldBack: (key) => this.index.isHeldBack(key),
      onExpired: (key) => this.#applier.settle(key, 'value and expiry'),
    });
  }

  #newApplier({ seenFence, issuedFence }: KnownFences): Applier {
    return new Applier({
      ...this.#shared,
      ...{ inbound: this.#inbound, seenFence, issuedFence },
      readShips: (key) => this.#intake.readShips(key),
      toMeasure: (batch) => this.#decider.toMeasure(batch),
      decide: (attempt, fence) => this.#decide(attempt, fence),
    });
  }

  #decide(attempt: Attempt, fence: number): { commands: Buffer; count: number } | undefined {
    const measured: Measurements = new Map();
    const own = this.#visible[this.#self] as number;
    const decided = this.#decider.decide(attempt, measured, own, this.#now);
    if (decided === undefined || measured.size === 0) return decided;
    this.#measured.set(fence, measured);
    this.#port.append([encodeMeasured({ fence, measured })]);
    return decided;
  }

  #integrateOwn(op: LiveOp): void {
    this.#visible[this.#self] = op.seq;
    this.#visibleChanged = true;
    this.counters.captured++;
    if (isWrite(op.kind)) this.#integrate(op);
  }

  /** A fence of the apply stage came by: a batch is visible from here on. */
  #applied(fence: Fence): Buffer | undefined {
    if (fence.number <= this.#applier.lastFence) return undefined;
    const attempt = this.#applier.fenced(fence);
    const slot = fence.origin === 0 ? -1 : this.replicas.slotOf(fence.origin);
    if (slot === undefined) return undefined;
    const ops = attempt?.batch.ops ?? (slot < 0 ? [] : this.#inbound.takeUpTo(slot, fence.seq));
    this.#measured.reached(fence.number, this.index);
    for (const op of ops) this.#integrateRemote(op, attempt);
    if (attempt !== undefined) this.#races.afterSettling(attempt, this.#now);
    if (slot >= 0 && ops.length > 0) {
      this.#visible[slot] = fence.seq;
      this.#applier.becameVisible(slot, fence.seq);
      this.#clock.observe((ops.at(-1) as LiveOp).timestamp);
      this.#visibleChanged = true;
      const capturedAt = this.#captureTimes.visible(slot, fence.seq);
      if (capturedAt !== undefined) this.#options.onVisible?.(fence.origin, capturedAt);
    }
    return attempt?.commands ?? NO_COMMANDS;
  }

  #integrateRemote(op: LiveOp, attempt: Attempt | undefined): void {
    this.counters.applied++;
    if (!isWrite(op.kind)) return;
    this.#intake.streams.beforeRemote(op);
    this.#integrate(op);
    this.#refusals.afterOp(op, attempt);
    this.#intake.noteRemote(op);
    // Hardly ever was there any local write since the decision, so the index is hardly ever asked.
    const decidedAt = attempt?.decidedAt ?? 0;
    if ((this.#visible[this.#self] as number) > decidedAt) this.#races.afterOp(op, decidedAt);
  }

  #integrate(op: LiveOp): void {
    const integration = this.index.integrate(op);
    if (integration === QUIET) return;
    for (const one of assertionsOf(integration)) this.#intake.assert(op.key, one, this.#now);
    if (integration.isLetThrough === true) this.#applier.settle(op.key, 'value');
  }

  #publish(): void {
    this.#published.noteReceived((slot) => this.#received(slot));
    // Within a unit or an echo, what was taken in is not in the log yet.
    if (!this.#intake.atBoundary) return;
    this.#published.noteState({
      replicationId: this.#position.replicationId,
      position: this.#intake.offset,
      visible: this.#visible,
      frontier: this.stability.frontier,
      clock: this.#clock.last,
      applyFence: this.#applier.lastFence,
    });
  }

  #received(slot: Slot): number {
    return slot === this.#self ? (this.#visible[slot] as number) : this.#inbound.received(slot);
  }
}
