// One replicator: the core (core.ts) with its capture, engine connections, log and links around it. This is
// the only place that knows them all. It decides nothing; it carries bytes and tells the time.

import { randomBytes } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { OperatorError } from '../base/errors.ts';
import type { ReplicaId } from '../model/version-vector.ts';
import { StreamSource } from './capture/stream-source.ts';
import type { ReplicatorConfig } from './config.ts';
import { Core } from './core.ts';
import { EngineAccess } from './engine-access.ts';
import { EngineFacts } from './engine-facts.ts';
import { EngineMemory } from './engine-memory.ts';
import { fenceKeyIn } from './fence-key.ts';
import { Gap } from './gap/gap.ts';
import { IdleMemory } from './idle-memory.ts';
import { Inquiries } from './inquiries.ts';
import { Tunnels } from './join/tunnels.ts';
import { encodeCheckpoint } from './journal.ts';
import { Lags } from './lags.ts';
import { Links } from './link/links.ts';
import { peersOrAll } from './link/peers-or-all.ts';
import type { Tunnel } from './link/tunnel.ts';
import { Log } from './log/log.ts';
import { corePortOf } from './own-port.ts';
import { statusOf } from './own-status.ts';
import { PageFile } from './page-file.ts';
import { ReplicationProbe } from './replication-probe.ts';
import { Retention } from './retention.ts';
import { StaleMembers } from './stale/stale-members.ts';
import type { ReplicatorStatus } from './status.ts';
import { Unlinked } from './unlinked.ts';
import { type ClockSetting, Watch } from './watch.ts';

const TICK_MS = 10;
const RELEASE_EVERY_MS = 1000;

export interface ReplicatorEvents {
  /** It cannot go on. */
  failed(error: OperatorError): void;
  /** It has to be made anew, with what is in its state directory. */
  startAnew(): void;
  /** Why the log cannot be written: it only hands over what it holds; null: it can. */
  readonly diskAlarm: string | null;
}

export class Replicator {
  readonly #config: ReplicatorConfig;
  readonly #logger: Logger;
  readonly #log: Log;
  readonly #pages: PageFile | undefined;
  readonly #core: Core;
  readonly #retention: Retention;
  readonly #memory = new IdleMemory();
  readonly #engine: EngineAccess;
  readonly #facts: EngineFacts;
  readonly #links: Links;
  readonly #unlinked: Unlinked;
  readonly #stale: StaleMembers;
  readonly #gap: Gap;
  /** What operators ask about conflicts and keys. */
  readonly inquiries: Inquiries;
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
  #hasFailed = false;
  readonly #events: ReplicatorEvents;

  constructor(config: ReplicatorConfig, logger: Logger, events: ReplicatorEvents) {
    this.#config = config;
    this.#logger = logger;
    this.#events = events;
    mkdirSync(config.stateDir, { recursive: true });
    const { log, records } = Log.open(join(config.stateDir, 'log'), {
      ...config.log,
      checkpoint: () => encodeCheckpoint(this.#core.published),
      logger,
    });
    this.#log = log;
    // A full disk has no room for pages either.
    const isFull = events.diskAlarm !== null;
    this.#pages = isFull ? undefined : new PageFile(join(config.stateDir, 'live-index.pages'));
    const memory = new EngineMemory(config.stateDir, config.memory.reserve);
    this.#facts = new EngineFacts(config.engine, memory);
    this.#engine = new EngineAccess(config.engine, this.#engineEvents(), logger, this.#facts);
    this.#stale = this.#newStaleMembers();
    this.#gap = this.#newGap();
    this.#core = this.#newCore();
    this.#retention = new Retention(log, this.#core, config, logger);
    this.inquiries = new Inquiries(this.#core, config);
    this.#core.recover(records);
    this.#stale.begin();
    [this.#source, this.#probes] = this.#newSource();
    this.#unlinked = new Unlinked({ config, log, logger });
    const cut = () => this.#cutLog();
    const onSnapshot = () => log.rotate();
    const onKeys = (tunnel: Tunnel) => this.#gap.accept(tunnel);
    this.tunnels = new Tunnels({ engine: config.engine, logger, cut, onSnapshot, onKeys });
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
      standing: this.#stale,
    });
    this.#watch = new Watch({
      config,
      core: this.#core,
      links: this.#links,
      log,
      memory,
      stale: this.#stale,
      logger,
    });
  }

  #newStaleMembers(): StaleMembers {
    return new StaleMembers({
      config: this.#config,
      received: (origin) => this.#core.receivedOf(origin),
      logger: this.#logger,
      onFound: () => this.#links.greetAgain('it has to hear which member is stale'),
      onAgreed: this.#events.startAnew,
    });
  }

  #newGap(): Gap {
    return new Gap({
      config: this.#config,
      connected: () => this.#links.status().flatMap(({ id, connected }) => (connected ? [id] : [])),
      visible: () => this.#core.published.visible,
      loggedPosition: () => this.#loggedPosition,
      assertKey: (key) => this.#core.assertKey(key),
      logger: this.#logger,
      startAnew: this.#events.startAnew,
    });
  }

  #newCore(): Core {
    const config = this.#config;
    const gone = config.members.flatMap((m) => (m.gone ? [[m.id, m.gone.last] as const] : []));
    return new Core({
      self: config.self,
      members: config.members.map((m) => m.id),
      gone: new Map([...this.#stale.gone, ...gone]),
      hasGap: () => this.#gap.isOpen,
      secret: fenceKeyIn(config.stateDir),
      life: randomBytes(6).readUIntBE(0, 6),
      port: corePortOf({
        log: this.#log,
        engine: this.#engine,
        links: () => this.#links,
        source: () => this.#source,
        logger: this.#logger,
      }),
      conflicts: config.conflicts,
      ...(this.#pages === undefined ? {} : { pages: this.#pages }),
      replicatesFunctions: config.functions === 'replicated',
      keyPositions: (name) => this.#facts.keyPositions(name),
      jsonSetEndsExpiry: () => this.#facts.jsonSetEndsExpiry,
      maxAheadMs: config.clock.maxAheadMs,
      onVisible: (origin, capturedAt) =>
        this.#lags.becameVisible(origin, capturedAt, this.#links.clockSkewMs(origin) ?? 0),
    });
  }

  /** Starts everything. Throws OperatorError. */
  async start(): Promise<void> {
    await this.#links.listen();
    if (this.diskAlarm !== null) this.#handOver();
    else if (this.#config.drains) this.#links.start();
    else await this.#startReplicating();
  }

  /** Nothing is taken in: it could not be logged. What peers confirm to have leaves the log. */
  #handOver(): void {
    for (const id of peersOrAll(this.#config, undefined)) this.#links.pause(id);
    this.#links.start();
    this.#ticks = [
      setInterval(() => this.#retention.release(), RELEASE_EVERY_MS),
      setInterval(() => this.#watch.look(), RELEASE_EVERY_MS),
    ];
  }

  async #startReplicating(): Promise<void> {
    await this.#facts.learn(this.#core.resumePosition === undefined);
    await this.#engine.open();
    this.#source.start();
    // Before that a client's write would not be seen: nobody may take this member for ready.
    await this.#captureBegan.promise;
    this.#links.start();
    this.#links.acknowledge(this.#core.published.visible);
    const log = this.#log;
    this.#ticks = [
      setInterval(() => this.#tick(), TICK_MS),
      setInterval(() => this.#retention.release(), RELEASE_EVERY_MS),
      setInterval(() => this.#facts.countKeys(), RELEASE_EVERY_MS),
      setInterval(() => this.#memory.look(this.#core.counters.ops, log.bytes), RELEASE_EVERY_MS),
      setInterval(() => this.#observeLinks(), RELEASE_EVERY_MS),
      setInterval(() => this.#watch.look(), RELEASE_EVERY_MS),
    ];
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    for (const timer of this.#ticks) clearInterval(timer);
    const hasCaptured = this.#ticks.length > 0 && this.diskAlarm === null;
    if (hasCaptured && !this.#hasFailed) this.#retention.conclude(this.#watch.now());
    this.#source.close();
    for (const probe of this.#probes) probe.close();
    this.#engine.close();
    this.#facts.close();
    this.tunnels.close();
    this.#gap.close();
    await this.#links.close();
    await this.#retention.close();
    await this.#log.close();
    this.#pages?.close();
  }

  /** null: the log can be written. */
  get diskAlarm(): string | null {
    return this.#events.diskAlarm;
  }

  /** Those with whom traffic was stopped on request. */
  get cutPeers(): ReplicaId[] {
    return this.#links.status().flatMap(({ id, cut }) => (cut ? [id] : []));
  }

  cut(peers: readonly ReplicaId[] | undefined): void {
    this.#links.cut(peersOrAll(this.#config, peers));
  }

  heal(peers: readonly ReplicaId[] | undefined): void {
    this.#links.heal(peersOrAll(this.#config, peers));
  }

  /** From now on, until the process ends. */
  setClock(setting: ClockSetting): void {
    this.#watch.setClock(setting);
    this.#turn();
  }

  status(): ReplicatorStatus {
    return statusOf({
      ...{ config: this.#config, core: this.#core, links: this.#links, log: this.#log },
      facts: this.#facts,
      isEngineUp: this.#engine.isUp,
      source: this.#source,
      lags: this.#lags,
      unlinked: this.#unlinked,
      watch: this.#watch,
      diskAlarm: this.diskAlarm,
      gap: this.#gap.status,
    });
  }

  #turn(): void {
    if (this.#stopped || this.#hasFailed) return;
    this.#attempt(() => {
      this.#core.endTurn(this.#watch.now());
      // What was captured when nothing is under way left nothing for the log, such as the engine's pings.
      const { isIdle, capturedOffset, publishedPosition } = this.#core;
      this.#loggedPosition = isIdle ? capturedOffset : publishedPosition;
      this.tunnels.published(this.#loggedPosition);
    });
  }

  #attempt(action: () => void): void {
    try {
      action();
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

  #fail(error: unknown): void {
    // What comes next must not be logged without what could not be.
    this.#hasFailed = true;
    const failure =
      error instanceof OperatorError
        ? error
        : new OperatorError(
            'REPLICATOR_FAILED',
            error instanceof Error ? (error.stack ?? error.message) : String(error),
            'It is restarted from its log. If this recurs, report it with this message.',
          );
    this.#events.failed(failure);
  }

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
      position: () => (this.#gap.isAhead ? undefined : this.#core.resumePosition),
      isBlocked: () => this.#core.isBlocked,
      onStart: ({ replicationId, offset }) => {
        this.#attempt(() => {
          this.#gap.began(replicationId, this.#core.resumePosition?.replicationId);
          this.#core.captureStarted(replicationId, offset);
        });
        this.#captureBegan.resolve();
      },
      onData: (chunk) => this.#captured(chunk),
      onLost: (reason) =>
        this.#attempt(() => {
          this.#core.streamLost();
          this.#gap.lost(reason);
        }),
    });
    return [source, [ofEngine, ofStandby]];
  }

  #captured(chunk: Buffer): void {
    if (this.#hasFailed) return;
    this.#core.stream(chunk, this.#watch.now());
    if (this.#core.isBlocked) this.#source.pause();
    this.#turn();
    this.#source.acknowledge(this.#core.publishedPosition);
  }

  #observeLinks(): void {
    for (const link of this.#links.status()) this.#lags.observe(link, performance.now());
  }
}
