// One replicator: the core (core.ts) with its capture, engine connections, log and links around it. This is
// the only place that knows them all. It decides nothing; it carries bytes and tells the time.

import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { OperatorError } from '../base/errors.ts';
import type { ReplicaId } from '../model/version-vector.ts';
import type { ConflictsAnswer, KeyAnswer } from './answers.ts';
import type { Probe } from './apply/applier.ts';
import { StreamSource } from './capture/stream-source.ts';
import type { ReplicatorConfig } from './config.ts';
import { Core } from './core.ts';
import { coreStatus } from './core-status.ts';
import { EngineAccess } from './engine-access.ts';
import { EngineFacts } from './engine-facts.ts';
import { EngineMemory } from './engine-memory.ts';
import { fenceKeyIn } from './fence-key.ts';
import { answerConflicts, answerKey, type ConflictQuery } from './inquiries.ts';
import { Tunnels } from './join/tunnels.ts';
import { encodeCheckpoint } from './journal.ts';
import { Lags } from './lags.ts';
import { Links } from './link/links.ts';
import { wallClockMs } from './link/wall-clock.ts';
import { Log } from './log/log.ts';
import { PageFile } from './page-file.ts';
import { ReplicationProbe } from './replication-probe.ts';
import type { ReplicatorStatus } from './status.ts';
import { Unlinked } from './unlinked.ts';
import { type ClockSetting, Watch } from './watch.ts';

const TICK_MS = 10;
const RELEASE_EVERY_MS = 1000;

export class Replicator {
  readonly #config: ReplicatorConfig;
  readonly #logger: Logger;
  readonly #log: Log;
  readonly #pages: PageFile;
  readonly #core: Core;
  readonly #engine: EngineAccess;
  readonly #facts: EngineFacts;
  readonly #links: Links;
  readonly #unlinked: Unlinked;
  /** Of members that join from this one. */
  readonly tunnels: Tunnels;
  readonly #lags = new Lags();
  readonly #watch: Watch;
  readonly #source: StreamSource;
  readonly #probes: readonly ReplicationProbe[];
  readonly #captureBegan = Promise.withResolvers<void>();
  #turnScheduled = false;
  /** Up to here the stream of the engine is in the log, as of the end of the last turn. */
  #loggedPosition = 0;
  #ticks: NodeJS.Timeout[] = [];
  #stopped = false;
  /** Called when the replicator cannot go on. */
  readonly #onFatal: (error: OperatorError) => void;

  constructor(config: ReplicatorConfig, logger: Logger, onFatal: (error: OperatorError) => void) {
    this.#config = config;
    this.#logger = logger;
    this.#onFatal = onFatal;
    mkdirSync(config.stateDir, { recursive: true });
    const { log, records } = Log.open(join(config.stateDir, 'log'), {
      ...config.log,
      checkpoint: () => encodeCheckpoint(this.#core.published),
      logger,
    });
    this.#log = log;
    this.#pages = new PageFile(join(config.stateDir, 'live-index.pages'));
    const memory = new EngineMemory(config.stateDir, config.memory.reserve);
    this.#facts = new EngineFacts(config.engine, memory);
    this.#engine = new EngineAccess(config.engine, this.#engineEvents(), logger, this.#facts);
    this.#core = new Core({
      self: config.self,
      members: config.members.map((m) => m.id),
      gone: new Map(config.members.flatMap((m) => (m.gone ? [[m.id, m.gone.last]] : []))),
      secret: fenceKeyIn(config.stateDir),
      life: randomBytes(6).readUIntBE(0, 6),
      port: this.#corePort(),
      conflicts: config.conflicts,
      pages: this.#pages,
      replicatesFunctions: config.functions === 'replicated',
      keyPositions: (name) => this.#facts.keyPositions(name),
      jsonSetEndsExpiry: () => this.#facts.jsonSetEndsExpiry,
      maxAheadMs: config.clock.maxAheadMs,
      onVisible: (origin, capturedAt) => this.#measureLag(origin, capturedAt),
    });
    this.#core.recover(records);
    [this.#source, this.#probes] = this.#newSource();
    this.#unlinked = new Unlinked({ config, log, logger });
    const cut = () => this.#cutLog();
    const onSnapshot = () => log.rotate();
    this.tunnels = new Tunnels({ engine: config.engine, logger, cut, onSnapshot });
    this.#links = new Links({
      config,
      log,
      logger,
      tunnels: this.tunnels,
      events: {
        frame: (_peer, bytes) => {
          this.#core.frame(bytes);
          this.#scheduleTurn();
        },
        ack: (peer, entries) => {
          this.#core.stated(peer, entries);
          this.#watch.stated(peer, entries);
          this.#scheduleTurn();
        },
        up: () => this.#observeLinks(),
        down: () => {},
        refused: (_peer, refusal) => this.#unlinked.refused(refusal),
      },
      received: (origin) => this.#core.receivedOf(origin),
    });
    this.#watch = new Watch({ config, core: this.#core, links: this.#links, log, memory, logger });
  }

  /** Starts everything. Throws OperatorError. */
  async start(): Promise<void> {
    await this.#links.listen();
    if (this.#config.drains) {
      this.#links.start();
      return;
    }
    await this.#facts.learn(this.#core.resumePosition === undefined);
    await this.#engine.open();
    this.#source.start();
    // Before that a client's write would not be seen: nobody may take this member for ready.
    await this.#captureBegan.promise;
    this.#links.start();
    this.#links.acknowledge(this.#core.published.visible);
    this.#ticks = [
      setInterval(() => this.#tick(), TICK_MS),
      setInterval(() => this.#release(), RELEASE_EVERY_MS),
      setInterval(() => this.#facts.countKeys(), RELEASE_EVERY_MS),
      setInterval(() => this.#observeLinks(), RELEASE_EVERY_MS),
      setInterval(() => this.#watch.look(), RELEASE_EVERY_MS),
    ];
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#ticks) clearInterval(timer);
    this.#source.close();
    for (const probe of this.#probes) probe.close();
    this.#engine.close();
    this.#facts.close();
    this.tunnels.close();
    await this.#links.close();
    await this.#log.close();
    this.#pages.close();
  }

  cut(peers: readonly ReplicaId[] | undefined): void {
    this.#links.cut(this.#peersOrAll(peers));
  }

  heal(peers: readonly ReplicaId[] | undefined): void {
    this.#links.heal(this.#peersOrAll(peers));
  }

  /** From now on, until the process ends. */
  setClock(setting: ClockSetting): void {
    this.#watch.setClock(setting);
    this.#turn();
  }

  conflicts(query: ConflictQuery): ConflictsAnswer {
    return answerConflicts(this.#core, this.#answerer(), query);
  }

  /** What is known of a key besides what its engine shows; `key` is latin1. */
  key(key: string): KeyAnswer {
    return answerKey(this.#core, this.#answerer(), key);
  }

  status(): ReplicatorStatus {
    const core = this.#core;
    const config = this.#config;
    const nowMs = performance.now();
    const memory = process.memoryUsage();
    return {
      id: config.self,
      group: config.group,
      epoch: config.epoch,
      region: this.#regionOf(config.self),
      engine: {
        up: this.#engine.isUp,
        version: this.#facts.version,
        host: config.engine.host,
        port: config.engine.port,
        keys: this.#facts.keys,
      },
      idle: core.isIdle && this.#engine.isUp && this.#source.isOpen,
      ...coreStatus(core),
      capture: {
        ...this.#source.status,
        replicationId: core.resumePosition?.replicationId ?? null,
      },
      logBytes: this.#log.bytes,
      logOrigins: config.members.map(({ id }) => id).filter((id) => this.#log.firstSeq(id) > 0),
      memory: { rssBytes: memory.rss, heapBytes: memory.heapUsed },
      unlinked: this.#unlinked.status,
      peers: this.#links.status().map((link) => {
        const lagMs = this.#lags.lagMs(link, this.#isCaughtUp(link.id), nowMs);
        return this.#watch.peerStatus(link, lagMs);
      }),
      ...this.#watch.status(),
    };
  }

  // --- turns --------------------------------------------------------------------------------------

  #turn(): void {
    if (this.#stopped) return;
    try {
      this.#core.endTurn(this.#watch.now());
      // What was captured when nothing is under way left nothing for the log, such as the engine's pings.
      const { isIdle, capturedOffset, publishedPosition } = this.#core;
      this.#loggedPosition = isIdle ? capturedOffset : publishedPosition;
      this.tunnels.published(this.#loggedPosition);
    } catch (error) {
      this.#fail(error);
    }
  }

  /** Many frames arrive in one read: they make one turn. */
  #scheduleTurn(): void {
    if (this.#turnScheduled) return;
    this.#turnScheduled = true;
    setImmediate(() => {
      this.#turnScheduled = false;
      this.#turn();
    });
  }

  #tick(): void {
    this.#core.tick(this.#watch.now());
    this.#turn();
  }

  /** The log as of the last turn, for a member that joins. */
  #cutLog() {
    const { replicationId } = this.#core.published;
    const position = this.#loggedPosition;
    return { position, replicationId, self: this.#config.self, ...this.#log.hold() };
  }

  #release(): void {
    const { frontier, replicas, index } = this.#core;
    this.#log.release(new Map(frontier), () => new Map(replicas.toEntries(index.replayable)));
  }

  #fail(error: unknown): void {
    const failure =
      error instanceof OperatorError
        ? error
        : new OperatorError(
            'REPLICATOR_FAILED',
            error instanceof Error ? (error.stack ?? error.message) : String(error),
            'It is restarted from its log. If this recurs, report it with this message.',
          );
    this.#onFatal(failure);
  }

  // --- the engine ---------------------------------------------------------------------------------

  #engineEvents() {
    return {
      up: () => this.#core.engineConnected(),
      down: (reason: string) => this.#logger.warn({ reason }, 'the engine is not reachable'),
      probed: (...args: Parameters<Core['probed']>) => this.#core.probed(...args),
      executed: (...args: Parameters<Core['executed']>) => this.#core.executed(...args),
      readDone: (replies: Parameters<Core['readDone']>[0]) => {
        this.#core.readDone(replies);
        if (!this.#core.isBlocked) this.#source.resume();
      },
      readFailed: () => {
        this.#core.readFailed();
        if (!this.#core.isBlocked) this.#source.resume();
      },
      turn: () => this.#turn(),
    };
  }

  #newSource(): [StreamSource, ReplicationProbe[]] {
    const { engine, standby, gatherMs } = this.#config;
    const ofEngine = new ReplicationProbe(engine, false);
    const ofStandby = new ReplicationProbe({ ...engine, ...standby }, true);
    const source = new StreamSource({
      engine,
      standby,
      gatherMs,
      logger: this.#logger,
      askStandby: () => ofStandby.ask(),
      askEngine: () => ofEngine.ask(),
      position: () => this.#core.resumePosition,
      isBlocked: () => this.#core.isBlocked,
      onStart: ({ replicationId, offset }) => {
        this.#core.captureStarted(replicationId, offset);
        this.#captureBegan.resolve();
      },
      onData: (chunk) => this.#captured(chunk),
      onLost: (reason, position) => {
        this.#fail(backlogLost(`${engine.host}:${engine.port}`, position?.offset ?? 0, reason));
      },
    });
    return [source, [ofEngine, ofStandby]];
  }

  #captured(chunk: Buffer): void {
    this.#core.stream(chunk, this.#watch.now());
    if (this.#core.isBlocked) this.#source.pause();
    this.#turn();
    this.#source.acknowledge(this.#core.publishedPosition);
  }

  // --- what the core asks for ---------------------------------------------------------------------

  #corePort() {
    return {
      frameWith: (origin: ReplicaId, seq: number) => this.#log.frameWith(origin, seq),
      append: (records: readonly Buffer[]) => {
        this.#log.append(records);
        this.#links.appended();
      },
      probe: (probe: Probe) => this.#engine.probe(probe),
      execute: (...args: Parameters<EngineAccess['execute']>) => this.#engine.execute(...args),
      read: (...args: Parameters<EngineAccess['read']>) => this.#engine.read(...args),
      write: (args: readonly string[]) => this.#engine.write(args),
      hurry: (offset?: number) => this.#source.hurry(offset),
      acknowledge: (entries: Parameters<Links['acknowledge']>[0]) =>
        this.#links.acknowledge(entries),
      want: (peer: ReplicaId, origin: ReplicaId, afterSeq: number) => {
        this.#links.want(peer, origin, afterSeq);
      },
      pause: (peer: ReplicaId) => this.#links.pause(peer),
      resume: (peer: ReplicaId) => this.#links.resume(peer),
      notice: (level: 'info' | 'warn' | 'error', message: string, details: object = {}) =>
        this.#logger[level](details, message),
    };
  }

  #measureLag(origin: ReplicaId, capturedAt: number): void {
    const now = wallClockMs();
    const skew = this.#links.clockSkewMs(origin) ?? 0;
    this.#lags.measured(origin, now - (capturedAt - skew), performance.now());
  }

  #observeLinks(): void {
    for (const link of this.#links.status()) this.#lags.observe(link, performance.now());
  }

  /** Everything that the peer said it has written is visible here. */
  #isCaughtUp(peer: ReplicaId): boolean {
    const visible = new Map(this.#core.published.visible).get(peer) ?? 0;
    return visible >= this.#core.stability.knownOf(peer, peer);
  }

  #answerer() {
    return { replica: this.#config.self, regionOf: (id: ReplicaId) => this.#regionOf(id) };
  }

  #regionOf(id: ReplicaId): string {
    return this.#config.members.find((m) => m.id === id)?.region ?? `replica ${id}`;
  }

  #peersOrAll(peers: readonly ReplicaId[] | undefined): ReplicaId[] {
    const present = this.#config.members.filter((m) => m.gone === undefined).map((m) => m.id);
    const others = present.filter((id) => id !== this.#config.self);
    if (peers === undefined) return others;
    for (const id of peers) {
      if (others.includes(id)) continue;
      throw new OperatorError(
        'UNKNOWN_PEER',
        `replica ${id} is no peer of this replicator`,
        `Its peers are ${others.join(', ')}.`,
      );
    }
    return [...peers];
  }
}

function backlogLost(engine: string, offset: number, reason: string): OperatorError {
  return new OperatorError(
    'CAPTURE_BACKLOG_LOST',
    `the engine at ${engine} no longer has its writes since offset ${offset}: ${reason}`,
    'Writes may be missing in the other regions. Create this member anew, with a larger repl-backlog-size.',
  );
}
