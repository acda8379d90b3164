// One simulated region: a model engine, the durable state of its replicator, and, while it runs, the core
// with its connections to that engine. Delays are random; each connection keeps its order.

import type { ReplicaId, VersionEntries } from '../../src/model/version-vector.ts';
import type { Probe } from '../../src/replicator/apply/applier.ts';
import type { ConflictLog } from '../../src/replicator/conflicts/conflict-log.ts';
import { Core } from '../../src/replicator/core.ts';
import type { CorePort } from '../../src/replicator/core-port.ts';
import type { ReadRequest } from '../../src/replicator/interpret/reads.ts';
import { encodeCheckpoint, encodeForked } from '../../src/replicator/journal.ts';
import { readArguments } from '../../src/replicator/read-commands.ts';
import {
  NOBODY_STALE,
  type Outcome,
  Staleness,
  type StaleState,
} from '../../src/replicator/stale/staleness.ts';
import { supersededOps } from '../../src/replicator/superseded.ts';
import { errorsIn, splitCommands, traced } from './batch-commands.ts';
import { Connection } from './connection.ts';
import type { ModelClient } from './model-engine/model-client.ts';
import { ModelEngine } from './model-engine/model-engine.ts';
import { type ModelReply, toReply } from './model-engine/reply.ts';
import type { Random } from './random.ts';
import { RegionGap, type Route } from './region-gap.ts';
import { RegionLog } from './region-log.ts';
import type { Schedule } from './schedule.ts';
import { registerScripts } from './scripts.ts';
import { Standby } from './standby.ts';

/** What a region needs of the network between regions. */
export interface Network {
  framesAppended(from: Region): void;
  acknowledge(from: Region, entries: VersionEntries): void;
  want(from: Region, peer: ReplicaId, origin: ReplicaId, afterSeq: number): void;
  /** Ways to the regions whose links stand. */
  routesFrom(from: Region): Route[];
  /** A region came back, or says something else in its greetings. */
  pumpAll(): void;
}

/** As the replicator holds clients' writes. */
const HOLD_MS = 200;

export class Region {
  readonly id: ReplicaId;
  engine: ModelEngine;
  readonly skewMs: number;
  /** By so much its clock was set. */
  jumpMs = 0;
  /** The replicator knows by how much, as it does where it has peers to ask. */
  knowsJump = false;
  /** Limit of its clock guard. */
  maxAheadMs = Number.POSITIVE_INFINITY;
  readonly log = new RegionLog();
  /** What the replicator knows of writes that it has missed. */
  readonly gap: RegionGap;
  /** Up to here the stream is in the log, as of the end of the last turn. */
  loggedPosition = 0;
  /** How often each message of clients was delivered to subscribers. */
  readonly received = new Map<string, number>();
  core: Core | undefined;
  notices: string[] = [];
  trace: ((line: () => string) => void) | undefined;
  /** Counts the lives of the replicator: what belongs to an earlier one is dropped. */
  life = 0;
  /** What became of concurrent writes in earlier lives. */
  readonly #earlierConflicts: ConflictLog[] = [];
  #members: readonly ReplicaId[];
  #gone: ReadonlyMap<ReplicaId, number> = new Map();
  readonly #secret: Buffer;
  readonly #random: Random;
  readonly #schedule: Schedule;
  readonly #network: Network;
  readonly #jsonSetEndsExpiry: boolean;
  #stream: Buffer[] = [];
  #streamed = 0;
  #delivered = 0;
  #deliveryPlanned = false;
  #streamIsLost = false;
  #apply: Connection | undefined;
  #reader: Connection | undefined;
  /** Connections that are still open at the engine. */
  readonly #abandoned = new Set<Connection>();
  /** Capture reads from it while there is one. */
  #standby: Standby | undefined;
  #engines = 0;
  /** Whom it goes on without, in this life. */
  staleness: Staleness | undefined;
  /** On disk. */
  #staleState: StaleState = NOBODY_STALE;
  #epoch = 1;
  /** Clients' writes are held until then. */
  #heldUntil = 0;

  constructor(
    id: ReplicaId,
    members: readonly ReplicaId[],
    skewMs: number,
    random: Random,
    schedule: Schedule,
    network: Network,
    jsonSetEndsExpiry: boolean,
  ) {
    this.id = id;
    this.#jsonSetEndsExpiry = jsonSetEndsExpiry;
    this.skewMs = skewMs;
    this.#members = members;
    this.#random = random;
    this.#schedule = schedule;
    this.#network = network;
    this.#secret = Buffer.from(`secret of ${id}`);
    this.gap = new RegionGap(this, random, schedule, (from) => network.routesFrom(from));
    this.engine = this.#newEngine();
  }

  #newEngine(): ModelEngine {
    const engine = new ModelEngine({
      seed: this.id + 1000 * this.#engines++,
      jsonSetEndsExpiry: this.#jsonSetEndsExpiry,
      onStream: (bytes) => {
        this.#stream.push(bytes);
        this.#streamed += bytes.length;
        this.#standby?.streamed(bytes);
        this.#planDelivery();
      },
      onPublish: (_, message) => this.received.set(message, (this.received.get(message) ?? 0) + 1),
    });
    registerScripts(engine);
    return engine;
  }

  /** Whole ms, as an engine's clock has them. */
  get now(): number {
    return Math.floor(this.#schedule.now + this.skewMs + this.jumpMs);
  }

  /** For how long clients' writes are held, in ms. */
  get heldForMs(): number {
    return Math.max(0, this.#heldUntil - this.#schedule.now);
  }

  get isRunning(): boolean {
    return this.core !== undefined;
  }

  /** Everything that the engine streamed was taken in, and nothing is under way. */
  get isQuiet(): boolean {
    return this.core?.isIdle === true && this.core.capturedOffset === this.engine.offset;
  }

  /** A client's command. */
  run(client: ModelClient, args: readonly string[]): ModelReply {
    return this.engine.execute(client, args, this.now);
  }

  /** What became of concurrent writes, in all lives of the replicator. */
  get conflicts(): ConflictLog[] {
    return [...this.#earlierConflicts, ...(this.core === undefined ? [] : [this.core.conflicts])];
  }

  /** In force from the next start on. */
  configure(
    epoch: number,
    members: readonly ReplicaId[],
    gone: ReadonlyMap<ReplicaId, number>,
  ): void {
    this.#epoch = epoch;
    this.#members = members;
    this.#gone = gone;
  }

  /** Becomes a copy of a running region, engine and log, at the end of what that has logged. */
  fork(donor: Region): void {
    const core = donor.core as Core;
    const position = core.publishedPosition;
    const stream = Buffer.concat(donor.#stream).subarray(0, position);
    this.engine.follow(stream);
    this.#stream = [stream];
    this.#streamed = position;
    if (donor.log.isEmpty) this.log.begin([encodeCheckpoint(core.published)]);
    else this.log.copyFrom(donor.log);
    const { replicationId } = this.engine;
    this.log.append(encodeForked({ self: this.id, replicationId, position }));
  }

  start(): void {
    const life = ++this.life;
    const staleness = this.#newStaleness();
    const core = new Core({
      self: this.id,
      members: this.#members,
      gone: new Map([...staleness.agreed, ...this.#gone]),
      hasGap: () => this.gap.isOpen,
      secret: this.#secret,
      life,
      port: this.#port(),
      jsonSetEndsExpiry: () => this.#jsonSetEndsExpiry,
      conflicts: { values: true, maxRecords: 10_000 },
      maxAheadMs: this.maxAheadMs,
    });
    core.recover(this.log.records());
    this.core = core;
    staleness.begin();
    this.staleness = staleness;
    this.setClock(this.jumpMs);
    const resume = this.gap.isOpen ? undefined : core.resumePosition;
    if (resume !== undefined && this.gap.misses(resume.offset)) {
      this.#startWithGap(resume.offset);
      return;
    }
    if (this.gap.isOpen) {
      const lost = Buffer.concat(this.#stream).subarray(core.resumePosition?.offset ?? 0);
      this.gap.missed(lost, core.published.visible);
    }
    this.#delivered = resume?.offset ?? this.engine.offset;
    core.captureStarted(this.engine.replicationId, this.#delivered);
    this.#connect(core);
    this.#turn(life);
    this.#network.acknowledge(this, core.published.visible);
    this.#planDelivery();
    this.#tick(life);
    if (this.gap.isOpen) this.gap.mend();
  }

  /** Makes it anew, at the present end of the stream. */
  #startWithGap(offset: number): void {
    this.trace?.(() => `${this.id} has missed what its engine streamed behind ${offset}`);
    this.core?.streamLost();
    this.gap.open();
    this.crash();
    this.start();
    this.#network.pumpAll();
  }

  #newStaleness(): Staleness {
    const parts = {
      self: this.id,
      epoch: this.#epoch,
      members: this.#members.filter((id) => !this.#gone.has(id)),
      received: (origin: ReplicaId) => this.core?.receivedOf(origin) ?? 0,
      store: (state: StaleState) => {
        this.#staleState = state;
      },
    };
    return new Staleness(parts, this.#staleState);
  }

  /** What it says in greetings. */
  get greeting(): string {
    return JSON.stringify([this.#epoch, this.staleness?.found]);
  }

  greetedBy(peer: Region): void {
    if (peer.#epoch === this.#epoch)
      this.#followStale(this.staleness?.heard(peer.id, peer.staleness?.found ?? []));
  }

  /** Too much is kept for these. */
  findStale(ids: readonly ReplicaId[]): void {
    this.#followStale(this.staleness?.find(ids));
  }

  #followStale(outcome: Outcome | undefined): void {
    if (outcome === undefined || outcome === 'nothing') return;
    this.trace?.(() => `${this.id}: ${outcome} stale: ${JSON.stringify(this.#staleState)}`);
    this.#later(this.life, 0, () => {
      if (outcome === 'agreed') {
        this.crash();
        this.start();
      }
      this.#network.pumpAll();
    });
  }

  /** Sets the clock of this region, to be wrong by so much. */
  setClock(jumpMs: number): void {
    this.jumpMs = jumpMs;
    if (this.core !== undefined) this.core.clockGuard.correctionMs = this.knowsJump ? -jumpMs : 0;
  }

  /** Lets everything through. */
  liftClockLimit(): void {
    this.maxAheadMs = Number.POSITIVE_INFINITY;
    if (this.core !== undefined) this.core.clockGuard.maxAheadMs = this.maxAheadMs;
  }

  /** kill -9: what was sent to the engine may still be run, up to some command. Told to stop it ends its log first. */
  crash(isTold = false): void {
    if (isTold) this.core?.endTurn(this.now, true);
    if (isTold) this.rotateLog();
    this.life++;
    if (this.core !== undefined) this.#earlierConflicts.push(this.core.conflicts);
    this.core = undefined;
    this.#streamIsLost = false;
    this.#abandon();
  }

  /** The connections with the engine break, and are made again in a while. */
  reconnectEngine(): void {
    if (this.core === undefined || this.#apply === undefined) return;
    const { life } = this;
    this.#abandon();
    this.#connectLater(life);
  }

  #connectLater(life: number): void {
    this.#later(life, this.#random.between(0, 20), () => {
      if (this.#apply === undefined) this.#connect(this.core as Core);
      this.#turn(life);
    });
  }

  #connect(core: Core): void {
    // As the replicator does, so that nothing that was sent on them is run from here on.
    for (const connection of this.#abandoned) this.#close(connection);
    this.#apply = new Connection(this.engine.connect());
    this.#reader = new Connection(this.engine.connect());
    core.engineConnected();
  }

  /** The engine learns later that nobody is there any more. */
  #abandon(): void {
    for (const connection of [this.#apply, this.#reader]) {
      if (connection === undefined) continue;
      this.#abandoned.add(connection);
      this.#schedule.after(this.#random.between(0, 3), () => this.#close(connection));
    }
    this.#apply = undefined;
    this.#reader = undefined;
  }

  #close(connection: Connection): void {
    if (!this.#abandoned.delete(connection)) return;
    connection.open = false;
    this.engine.disconnect(connection.client);
  }

  /** The engine has a standby from now on, which has all that was streamed. */
  giveStandby(): void {
    const stream = Buffer.concat(this.#stream);
    const onProgress = () => this.#planDelivery();
    const parts = [stream, this.#random, this.#schedule, onProgress] as const;
    this.#standby = new Standby(this.#newEngine(), ...parts);
  }

  get hasStandby(): boolean {
    return this.#standby !== undefined;
  }

  loseStandby(): void {
    this.#standby?.leave();
    this.#standby = undefined;
    this.#planDelivery();
  }

  /** The engine dies, and its standby takes its place. Returns the offset from which on everything is gone. */
  promoteStandby(): number | undefined {
    const standby = this.#standby;
    if (standby === undefined) return undefined;
    this.loseStandby();
    this.#stream = [Buffer.concat(this.#stream).subarray(0, standby.engine.offset)];
    this.#streamed = standby.engine.offset;
    this.engine = standby.engine;
    this.#heldUntil = 0;
    this.#abandon();
    for (const connection of this.#abandoned) connection.open = false;
    this.#abandoned.clear();
    this.#connectLater(this.life);
    this.reconnectStream();
    return this.#streamed;
  }

  /** The connection with the replication stream breaks and is made again. */
  reconnectStream(): void {
    const resume = this.core?.resumePosition;
    if (this.core === undefined || resume === undefined) return;
    this.#streamIsLost = false;
    if (this.gap.misses(resume.offset)) {
      this.#startWithGap(resume.offset);
      return;
    }
    this.#delivered = resume.offset;
    this.core.captureStarted(this.engine.replicationId, resume.offset);
    this.#planDelivery();
  }

  /** The connection with the replication stream breaks: nothing is taken in until it is made again. */
  loseStream(): void {
    this.#streamIsLost = true;
  }

  deliverFrame(bytes: Buffer): void {
    const { core, life } = this;
    if (core === undefined) return;
    core.frame(bytes);
    this.#later(life, 0, () => this.#turn(life));
  }

  stated(peer: ReplicaId, entries: VersionEntries): void {
    const { core, life } = this;
    if (core === undefined) return;
    core.stated(peer, entries);
    this.#later(life, 0, () => this.#turn(life));
  }

  // --- the core's world ---------------------------------------------------------------------------

  #port(): CorePort {
    return {
      append: (batch) => this.#append(batch),
      frameWith: (origin, seq) => this.log.frameWith(origin, seq),
      probe: (probe) => this.#probe(probe),
      execute: (...args) => this.#execute(...args),
      read: (channel, token, requests) => this.#read(channel, token, requests),
      write: (args) => {
        const connection = this.#reader;
        if (connection === undefined) return;
        this.#send(connection, () => void this.engine.execute(connection.client, args, this.now));
      },
      hurry: () => {},
      acknowledge: (entries) => this.#network.acknowledge(this, entries),
      want: (peer, origin, afterSeq) => this.#network.want(this, peer, origin, afterSeq),
      pause: () => {},
      resume: () => {},
      notice: (level, message) => {
        this.notices.push(`${level}: ${message}`);
      },
    };
  }

  #append(batch: readonly Buffer[]): void {
    if (this.log.isEmpty) this.log.begin([encodeCheckpoint((this.core as Core).published)]);
    for (const bytes of batch) this.log.append(bytes);
    this.#network.framesAppended(this);
  }

  /** Another segment begins, as when one is full. */
  rotateLog(): void {
    if (this.core === undefined || this.log.isEmpty) return;
    this.log.begin([encodeCheckpoint(this.core.published)]);
  }

  /** As the replicator does when much is kept for another one. Returns how many ops went. */
  compactLog(): number {
    const { core } = this;
    return core === undefined ? 0 : this.log.compact(supersededOps(core));
  }

  /** As the replicator does once a second. */
  releaseLog(): void {
    const { core } = this;
    if (core !== undefined) this.log.release(core.replicas.toEntries(core.index.replayable));
  }

  /** Runs `run` at the engine after a delay, behind what was sent on this connection before. */
  #send(connection: Connection, run: () => void): void {
    const at = Math.max(connection.lastArrival, this.#schedule.now + this.#random.between(0, 0.5));
    connection.lastArrival = at;
    this.#schedule.after(at - this.#schedule.now, () => {
      if (connection.open) run();
    });
  }

  #answer(connection: Connection, life: number, run: (core: Core) => void): void {
    const at = Math.max(connection.lastAnswer, this.#schedule.now + this.#random.between(0, 0.5));
    connection.lastAnswer = at;
    this.#later(life, at - this.#schedule.now, () => {
      if (this.#abandoned.has(connection) || !connection.open) return;
      run(this.core as Core);
      this.#turn(life);
    });
  }

  #probe({ watch, measure, hold }: Probe): void {
    const connection = this.#apply;
    const { life } = this;
    if (connection === undefined) return;
    this.#send(connection, () => {
      const { client } = connection;
      if (hold) this.#heldUntil = this.#schedule.now + HOLD_MS;
      if (watch.length > 0) this.engine.execute(client, ['WATCH', ...watch], this.now);
      const measured = measure.map(({ key, length, document }) => {
        const elements = this.engine.execute(client, ['LLEN', key], this.now);
        const text = this.engine.execute(client, ['JSON.GET', key, '.'], this.now);
        return {
          length: length ? (elements.kind === 'integer' ? Number(elements.value) : 0) : undefined,
          document: document ? (text.kind === 'bulk' ? text.text : null) : undefined,
        };
      });
      this.#send(connection, () => {
        const { offset } = this.engine;
        this.#answer(connection, life, (core) => core.probed(offset, measured));
      });
    });
  }

  #execute(channel: string, token: string, commands: Buffer, count: number, held: boolean): void {
    const connection = this.#apply;
    const { life } = this;
    if (connection === undefined) return;
    this.#send(connection, () => {
      const { client } = connection;
      if (held) this.#heldUntil = 0;
      this.engine.execute(client, ['MULTI'], this.now);
      this.engine.execute(client, ['SPUBLISH', channel, token], this.now);
      for (const args of splitCommands(commands, count)) {
        this.trace?.(() => `${this.id}< ${args.map(traced).join(' ')}`);
        const queued = this.engine.execute(client, args, this.now);
        if (queued.kind === 'error') throw new Error(`${args.join(' ')}: ${queued.text}`);
      }
      const reply = this.engine.execute(client, ['EXEC'], this.now);
      this.trace?.(() => `${this.id}< ${token} -> ${JSON.stringify(reply)}`);
      const errors = reply.kind === 'array' ? errorsIn(reply.items) : [];
      const kind = reply.kind === 'array' ? 'committed' : 'refused';
      this.#answer(connection, life, (core) => core.executed({ kind }, errors));
    });
  }

  #read(channel: string, token: string, requests: readonly ReadRequest[]): void {
    const connection = this.#reader;
    const { life } = this;
    if (connection === undefined) return;
    this.#send(connection, () => {
      const { client } = connection;
      this.engine.execute(client, ['MULTI'], this.now);
      this.engine.execute(client, ['SPUBLISH', channel, token], this.now);
      for (const request of requests)
        this.engine.execute(client, readArguments(request, true), this.now);
      const reply = this.engine.execute(client, ['EXEC'], this.now);
      if (reply.kind !== 'array') throw new Error(`a read was answered with ${reply.kind}`);
      this.trace?.(
        () => `${this.id}? ${JSON.stringify(requests)} -> ${JSON.stringify(reply.items)}`,
      );
      const replies = reply.items.slice(1).map(toReply);
      this.#answer(connection, life, (core) => core.readDone(replies));
    });
  }

  // --- time and the stream ------------------------------------------------------------------------

  #later(life: number, delayMs: number, run: () => void): void {
    this.#schedule.after(delayMs, () => {
      if (this.life === life && this.core !== undefined) run();
    });
  }

  #turn(life: number): void {
    if (this.life !== life) return;
    if (this.core === undefined) return;
    this.core.endTurn(this.now);
    const { isIdle, capturedOffset, publishedPosition } = this.core;
    this.loggedPosition = isIdle ? capturedOffset : publishedPosition;
    // What was held back while a read was awaited can go on.
    this.#planDelivery();
  }

  #tick(life: number): void {
    this.#later(life, 10, () => {
      this.core?.tick(this.now);
      this.#turn(life);
      this.#tick(life);
    });
  }

  /** So much of the stream can be captured. */
  get #captureEnd(): number {
    return this.#standby?.engine.offset ?? this.#streamed;
  }

  #planDelivery(): void {
    if (this.#deliveryPlanned || this.#streamIsLost || this.core === undefined) return;
    if (this.#delivered >= this.#captureEnd) return;
    this.#deliveryPlanned = true;
    const { life } = this;
    this.#schedule.after(this.#random.between(0, 1.5), () => {
      this.#deliveryPlanned = false;
      if (this.life !== life) {
        this.#planDelivery();
        return;
      }
      this.#deliverStream(life);
    });
  }

  #deliverStream(life: number): void {
    const core = this.core as Core;
    if (core.isBlocked || this.#streamIsLost) return;
    const all = Buffer.concat(this.#stream);
    this.#stream = [all];
    let chunk = all.subarray(this.#delivered, this.#captureEnd);
    if (chunk.length === 0) return;
    // Cut anywhere: commands and transactions too.
    if (this.#random.chance(0.3)) chunk = chunk.subarray(0, 1 + this.#random.below(chunk.length));
    this.#delivered += chunk.length;
    core.stream(Buffer.from(chunk), this.now);
    this.#turn(life);
  }
}
