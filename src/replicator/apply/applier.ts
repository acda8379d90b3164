// Makes remote ops visible in the engine, one batch after the other:
//
//   state      waits for                                      then
//   idle       a batch whose deps are met                     probe: WATCH keys; ROLE -> probing
//   probing    ROLE's offset                                  -> catching up
//   catchingUp capture to reach that offset: every write      decide, execute: MULTI; fence; ...; EXEC,
//              made before WATCH is then known                and probe the next batch -> executing
//   executing  EXEC's reply                                   committed: the next batch -> probing
//                                                             refused (a client wrote in between): again
//   backingOff a moment, after the engine refused to queue    probe again
//
// Batches execute in order, so clients never see an origin's writes out of order. A batch becomes visible
// when its fence comes by in the stream, which may be before or after EXEC's reply.
//
// A batch that is refused again and again is cut down to its first unit. At last the writes of clients are
// held for the moment between probe and transaction.

import { assert } from '../../base/assert.ts';
import { isDue } from '../../base/due.ts';
import type { Replicas, Slot, VersionVector } from '../../model/version-vector.ts';
import type { LiveOp } from '../live/live-op.ts';
import type { Measurement } from '../live/live-value.ts';
import { type Settlement, widerSettlement } from '../live/settlement.ts';
import { FENCE_CHANNEL, type Fence, type FenceMaker } from './fence.ts';
import { type Batch, type Inbound, watchedKeys } from './inbound.ts';

/** After this many refusals only the first unit of a batch is tried. */
const REFUSALS_BEFORE_SPLIT = 3;
/** After this many clients' writes are held while the batch is decided. */
const REFUSALS_BEFORE_HOLDING = 10;
const BACKOFF_MS = 100;

const NO_COMMANDS = Buffer.alloc(0);
const NOTHING_MEASURED: ReadonlyMap<string, Measurement> = new Map();

/** What is wanted of a key: the length of a list, a JSON document. */
export interface Measure {
  readonly key: string;
  readonly length: boolean;
  readonly document: boolean;
}

/** What is asked of the engine before a batch is decided. */
export interface Probe {
  readonly watch: readonly string[];
  /** What is wanted of some keys. */
  readonly measure: readonly Measure[];
  /** Hold the writes of clients until the transaction. */
  readonly hold: boolean;
}

export interface ApplyPort {
  /** WATCH, whatever is to be measured, ROLE: answer with `probed`. */
  probe(probe: Probe): void;
  /** MULTI, SPUBLISH channel token, `commands` (`count` of them), EXEC: answer with `executed`. `held`:
   * clients' writes were held for it and may go on. */
  execute(channel: string, token: string, commands: Buffer, count: number, held: boolean): void;
  /** An offset is waited for: read the stream now. */
  hurry(offset?: number): void;
}

/** What the engine answered to a transaction. */
export type ExecuteOutcome =
  | { readonly kind: 'committed' }
  | { readonly kind: 'refused' }
  /** The engine did not take a command: nothing was run. */
  | { readonly kind: 'aborted'; readonly message: string };

/** A batch under way. */
export interface Attempt {
  readonly batch: Batch;
  refusals: number;
  /** Clients' writes are held from its probe to its transaction. */
  holds: boolean;
  /** What was or is being measured. */
  measuring: readonly Measure[];
  /** By key. */
  measured: ReadonlyMap<string, Measurement>;
  /** Number of its last fence; 0 before the first try. */
  fence: number;
  /** The last own sequence that was known when it was decided. */
  decidedAt: number;
  /** Per command, the op that it was written for. */
  owners: readonly LiveOp[];
  /** What the engine was told to do at the last try. */
  commands: Buffer;
  /** Keys that are to be settled because the engine refused something of them; undefined: none. */
  refusedKeys?: Set<string>;
}

type State = 'recovering' | 'idle' | 'probing' | 'catchingUp' | 'executing' | 'backingOff';

/** Numbers of fences of earlier lives. */
export interface KnownFences {
  /** The last one that came by. */
  readonly seenFence: number;
  /** The highest that the log says anything of: no other batch may have it. */
  readonly issuedFence: number;
}

export interface ApplierOptions extends KnownFences {
  readonly replicas: Replicas;
  readonly inbound: Inbound;
  readonly fences: FenceMaker;
  readonly port: ApplyPort;
  /** What is visible in the engine; owned by the core. */
  readonly visible: VersionVector;
  /** Whether a read will yield own ops on this key: a batch on it must not be decided before. */
  readShips(key: string): boolean;
  /** What must be measured before the batch can be decided. */
  toMeasure(batch: Batch): Measure[];
  /** Writes what the engine must do, for an attempt whose fields it sets. `fence` is its number.
   * Undefined: something has to be measured first. */
  decide(attempt: Attempt, fence: number): { commands: Buffer; count: number } | undefined;
}

export class Applier {
  readonly #options: ApplierOptions;
  /** What will be visible when everything under way is. */
  #scheduled: VersionVector;
  #state: State = 'recovering';
  #current: Attempt | undefined;
  #next: Attempt | undefined;
  /** Committed or unknown: its fence has not come by. */
  readonly #unfenced = new Map<number, Attempt>();
  #probesToIgnore = 0;
  /** The offset that capture must reach; undefined while ROLE has not been answered. */
  #target: number | undefined;
  #captured = 0;
  #seenFence: number;
  #issuedFence: number;
  #now = 0;
  #resumeAt = 0;
  #settleQueue = new Map<string, Settlement>();
  retries = 0;

  constructor(options: ApplierOptions) {
    this.#options = options;
    this.#scheduled = options.visible.slice();
    this.#seenFence = options.seenFence;
    this.#issuedFence = Math.max(options.issuedFence, options.seenFence);
  }

  get isIdle(): boolean {
    return (
      this.#state === 'idle' &&
      this.#current === undefined &&
      this.#next === undefined &&
      this.#unfenced.size === 0 &&
      this.#settleQueue.size === 0
    );
  }

  /** The attempt under way. */
  get current(): Attempt | undefined {
    return this.#current;
  }

  get scheduled(): VersionVector {
    return this.#scheduled;
  }

  /** The engine connection is new: what was under way may or may not have happened. */
  engineConnected(): void {
    const lost = [...this.#unfenced.values()];
    if (this.#current !== undefined && this.#current.fence === 0) lost.push(this.#current);
    else if (this.#current !== undefined && !lost.includes(this.#current)) lost.push(this.#current);
    if (this.#next !== undefined) lost.push(this.#next);
    // The last one is put back first, so that each ends up before those that came after it.
    for (const attempt of lost.reverse()) this.#putBack(attempt);
    this.#unfenced.clear();
    this.#current = undefined;
    this.#next = undefined;
    this.#scheduled = this.#options.visible.slice();
    this.#probesToIgnore = 0;
    this.#state = 'recovering';
    this.#target = undefined;
    this.#options.port.probe({ watch: [], measure: [], hold: false });
  }

  /** Settles a key from the live index: a write slipped in where no WATCH stood. */
  settle(key: string, what: Settlement): void {
    this.#settleQueue.set(key, widerSettlement(what, this.#settleQueue.get(key) ?? what));
  }

  /** Whether the key is yet to be settled. */
  settles(key: string): boolean {
    if (this.#settleQueue.has(key)) return true;
    const underWay = [...this.#unfenced.values(), this.#current, this.#next];
    return underWay.some((attempt) => attempt?.batch.settle.has(key) === true);
  }

  /** Goes on if there is something to go on with. Called at the end of every turn. */
  pump(now: number): void {
    this.#now = now;
    const backsOff = this.#state === 'backingOff';
    if (backsOff && isDue(this.#resumeAt, BACKOFF_MS, now)) this.#probeCurrent();
    if (this.#state === 'catchingUp') this.captured(this.#captured);
    if (this.#state === 'idle') {
      this.#current = this.#next ?? this.#take();
      this.#next = undefined;
      if (this.#current !== undefined) this.#probeCurrent();
    }
  }

  /** ROLE was answered, and what was to be measured. */
  probed(offset: number, measured: readonly Measurement[] = []): void {
    if (this.#probesToIgnore > 0) {
      this.#probesToIgnore--;
      return;
    }
    assert(this.#state === 'probing' || this.#state === 'recovering', 'an offset is waited for');
    this.#target = offset;
    if (this.#state === 'probing') {
      this.#state = 'catchingUp';
      const attempt = this.#current as Attempt;
      attempt.measured = new Map(attempt.measuring.map(({ key }, i) => [key, measured[i] ?? {}]));
    }
    this.captured(this.#captured);
    if (this.#captured < offset) this.#options.port.hurry(offset);
  }

  /** Capture has taken in the stream up to `offset`. */
  captured(offset: number): void {
    this.#captured = offset;
    if (this.#target === undefined || offset < this.#target) return;
    if (this.#state === 'recovering') this.#state = 'idle';
    else if (this.#state === 'catchingUp' && !this.#waitsForRead()) this.#execute();
  }

  /** What a read ships is no write that WATCH could see. */
  #waitsForRead(): boolean {
    const { batch } = this.#current as Attempt;
    if (batch.ops.some((op) => this.#options.readShips(op.key))) return true;
    for (const key of batch.settle.keys()) if (this.#options.readShips(key)) return true;
    return false;
  }

  /** Whether a batch that touches this key is on its way to the engine, or not known to be visible. */
  isTouching(key: string): boolean {
    for (const { batch } of this.#unfenced.values()) {
      if (batch.settle.has(key) || batch.ops.some((op) => op.key === key)) return true;
    }
    return false;
  }

  /** What the engine is known to have executed, in order, though the fences have not come by. */
  get committed(): Attempt[] {
    return [...this.#unfenced.values()].filter((attempt) => attempt !== this.#current);
  }

  executed(outcome: ExecuteOutcome): void {
    assert(this.#state === 'executing', 'a transaction is under way');
    const attempt = this.#current as Attempt;
    if (outcome.kind === 'committed') {
      this.#current = this.#next;
      this.#next = undefined;
      // Its probe went out together with the transaction.
      this.#state = this.#current === undefined ? 'idle' : 'probing';
      this.#target = undefined;
      return;
    }
    this.#unfenced.delete(attempt.fence);
    if (this.#next !== undefined) this.#probesToIgnore++;
    if (outcome.kind === 'aborted') {
      this.#state = 'backingOff';
      this.#resumeAt = this.#now + BACKOFF_MS;
      return;
    }
    this.retries++;
    this.#refused(attempt);
    this.#probeCurrent();
  }

  /** A fence came by. Returns the attempt that it makes visible, if it is one of ours under way. */
  fenced(fence: Fence): Attempt | undefined {
    const attempt = this.#unfenced.get(fence.number);
    this.#unfenced.delete(fence.number);
    this.#seenFence = Math.max(this.#seenFence, fence.number);
    this.#issuedFence = Math.max(this.#issuedFence, fence.number);
    return attempt;
  }

  /** Ops of `slot` up to `seq` are visible, by whichever life of this replicator they were applied. */
  becameVisible(slot: Slot, seq: number): void {
    if (seq > (this.#scheduled[slot] as number)) this.#scheduled[slot] = seq;
  }

  /** Number of the last fence that came by. */
  get lastFence(): number {
    return this.#seenFence;
  }

  #take(): Attempt | undefined {
    if (this.#settleQueue.size > 0) {
      const settle = this.#settleQueue;
      this.#settleQueue = new Map();
      return newAttempt({ slot: -1, ops: [], settle });
    }
    const batch = this.#options.inbound.take(this.#scheduled);
    return batch === undefined ? undefined : newAttempt(batch);
  }

  #probeCurrent(): void {
    const attempt = this.#current as Attempt;
    this.#state = 'probing';
    this.#target = undefined;
    this.#probe(attempt);
  }

  #probe(attempt: Attempt): void {
    attempt.measuring = this.#options.toMeasure(attempt.batch);
    this.#options.port.probe({
      watch: watchedKeys(attempt.batch),
      measure: attempt.measuring,
      hold: attempt.holds,
    });
  }

  #execute(): void {
    const attempt = this.#current as Attempt;
    const { batch } = attempt;
    const decided = this.#options.decide(attempt, this.#issuedFence + 1);
    if (decided === undefined) {
      this.#probeCurrent();
      return;
    }
    const { commands, count } = decided;
    attempt.fence = ++this.#issuedFence;
    const token = this.#options.fences.token({
      kind: 'apply',
      number: attempt.fence,
      origin: batch.slot < 0 ? 0 : this.#options.replicas.idOf(batch.slot),
      seq: batch.ops.at(-1)?.seq ?? 0,
    });
    this.#unfenced.set(attempt.fence, attempt);
    this.#state = 'executing';
    this.#options.port.execute(FENCE_CHANNEL, token, commands, count, attempt.holds);
    this.#next ??= this.#take();
    // In the same write, so that a batch costs one round trip to the engine.
    if (this.#next !== undefined) this.#probe(this.#next);
  }

  #refused(attempt: Attempt): void {
    attempt.refusals++;
    if (attempt.refusals >= REFUSALS_BEFORE_HOLDING) {
      attempt.holds = true;
      return;
    }
    if (attempt.refusals !== REFUSALS_BEFORE_SPLIT) return;
    const { batch } = attempt;
    const firstEnd = batch.ops.findIndex((op) => op.endsUnit) + 1;
    if (firstEnd === 0 || firstEnd === batch.ops.length) return;
    if (this.#next !== undefined) this.#putBack(this.#next);
    this.#next = undefined;
    const rest = batch.ops.slice(firstEnd);
    batch.ops = batch.ops.slice(0, firstEnd);
    this.#putBack({ ...attempt, batch: { ...batch, ops: rest } });
  }

  #putBack({ batch }: Attempt): void {
    for (const [key, what] of batch.settle) this.settle(key, what);
    if (batch.slot < 0) return;
    const visible = this.#options.visible[batch.slot] as number;
    const ops = batch.ops.filter((op) => op.seq > visible);
    this.#options.inbound.putBack(batch.slot, ops);
    const first = ops[0];
    if (first !== undefined) this.#scheduled[batch.slot as Slot] = first.seq - 1;
  }
}

function newAttempt(batch: Batch): Attempt {
  return {
    batch,
    refusals: 0,
    holds: false,
    measuring: [],
    measured: NOTHING_MEASURED,
    fence: 0,
    decidedAt: 0,
    owners: [],
    commands: NO_COMMANDS,
  };
}
