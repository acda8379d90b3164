// The donor's side of joins: the tunnels of the members that join from it, and their cuts.
//
// A newcomer first asks for a tunnel to the engine. Once its engine has the snapshot and has caught up
// with the stream, it asks for the log: then the stream is cut. From there on its engine is given the
// stream up to the cut only, also over a later tunnel, until its engine must take everything anew or it
// asks for another cut.

import type { Socket } from 'node:net';
import type { Logger } from 'pino';
import { connectEngine, type EngineEndpoint, infoField } from '../../engine/client.ts';
import type { ReplicaId } from '../../model/version-vector.ts';
import type { Refusal, TunnelRequest } from '../link/messages.ts';
import { NO_TUNNELS, refuseTunnel, type Tunnel, type TunnelHandler } from '../link/tunnel.ts';
import { DELTA_VERSION } from './delta/messages.ts';
import { EngineTunnel } from './engine-tunnel.ts';
import { type Cut, sendLog } from './log-sender.ts';
import { Rate, type TunnelProgress } from './progress.ts';
import { Throttle } from './throttle.ts';

/** How long the cut waits for a newcomer to catch up with where the stream was when it asked. */
const CATCH_UP_MS_MAX = 30_000;
const CATCH_UP_CHECK_MS = 10;

export interface TunnelsOptions {
  readonly engine: EngineEndpoint;
  /** Takes the log as it is now; its position must be the one that `published` told last. */
  readonly cut: () => Cut;
  /** A member begins to take a snapshot: what everyone has by now need not be in the log at its cut. */
  readonly onSnapshot?: () => void;
  /** Takes the tunnels of members that compare keys. */
  readonly onKeys?: (tunnel: Tunnel) => void;
  readonly logger: Logger;
}

interface LogTransfer {
  readonly link: Socket;
  readonly rate: Rate;
  readonly totalBytes: number;
  bytes: number;
}

interface Newcomer {
  engine: EngineTunnel | undefined;
  log: LogTransfer | undefined;
  /** Where its stream is cut. */
  cutAt: number | undefined;
}

export class Tunnels implements TunnelHandler {
  readonly #options: TunnelsOptions;
  readonly #throttle = new Throttle();
  readonly #newcomers = new Map<ReplicaId, Newcomer>();
  #published = 0;
  #isClosed = false;

  constructor(options: TunnelsOptions) {
    this.#options = options;
  }

  accept(tunnel: Tunnel): void {
    if (this.#isClosed) {
      tunnel.socket.destroy();
      return;
    }
    const { request, socket } = tunnel;
    if (request.purpose === 'keys') {
      if (this.#options.onKeys === undefined) refuseTunnel(socket, NO_TUNNELS);
      else this.#options.onKeys(tunnel);
      return;
    }
    socket.on('error', () => {});
    const work = request.purpose === 'engine' ? this.#openEngine(tunnel) : this.#openLog(tunnel);
    work.catch((error: unknown) => {
      const reason = error instanceof Error ? error.message : String(error);
      this.#options.logger.warn({ peer: request.sender, reason }, 'a tunnel failed');
      socket.destroy();
    });
  }

  /**
   * Up to `position`, an offset in the stream of the engine, the log holds the stream; called whenever
   * it has risen.
   */
  published(position: number): void {
    if (position <= this.#published) return;
    this.#published = position;
    for (const { engine } of this.#newcomers.values()) engine?.pump();
  }

  /** How fast all tunnels together may send, in bytes a second; null: as fast as they can. */
  throttle(bytesPerSecond: number | null): void {
    this.#throttle.set(bytesPerSecond, performance.now());
    for (const { engine } of this.#newcomers.values()) engine?.pump();
  }

  /** See throttle. */
  get bytesPerSecondMax(): number | null {
    return this.#throttle.bytesPerSecond;
  }

  /** Of each member that has a tunnel now. */
  progress(): TunnelProgress[] {
    const nowMs = performance.now();
    return [...this.#newcomers].flatMap(([peer, { engine, log, cutAt }]) => {
      if (engine === undefined) return [];
      const rate = log?.rate.perSecond(log.bytes, nowMs) ?? 0;
      return {
        peer,
        phase: engine.gate.phase === 'stream' && cutAt !== undefined ? 'cut' : engine.gate.phase,
        bytes: engine.bytes + (log?.bytes ?? 0),
        givenBytes: engine.givenBytes + (log?.bytes ?? 0),
        totalBytes: log?.totalBytes ?? engine.gate.totalBytes,
        bytesPerSecond: Math.round(engine.bytesPerSecond + rate),
        startedAt: engine.startedAt,
      };
    });
  }

  /** Ends all tunnels. */
  close(): void {
    this.#isClosed = true;
    for (const { engine, log } of this.#newcomers.values()) {
      log?.link.destroy();
      engine?.close('the donor shuts down');
    }
  }

  #newcomer(peer: ReplicaId): Newcomer {
    const known = this.#newcomers.get(peer);
    if (known !== undefined) return known;
    const made: Newcomer = { engine: undefined, log: undefined, cutAt: undefined };
    this.#newcomers.set(peer, made);
    return made;
  }

  async #openEngine({ request, socket, rest }: Tunnel): Promise<void> {
    const peer = request.sender;
    const { engine, logger } = this.#options;
    const newcomer = this.#newcomer(peer);
    newcomer.engine?.close('replaced by a newer tunnel');
    const dataBytes = await this.#dataBytes();
    if (dataBytes === undefined) {
      refuseTunnel(socket, ENGINE_AWAY);
      return;
    }
    if (socket.destroyed || this.#isClosed) {
      socket.destroy();
      return;
    }
    const tunnel = new EngineTunnel({
      link: socket,
      rest,
      engine,
      dataBytes,
      throttle: this.#throttle,
      deltaSalt: saltOf(request),
      limit: () => newcomer.cutAt ?? this.#published,
      onFullSync: () => {
        newcomer.cutAt = undefined;
        this.#tellSnapshot();
        logger.info({ peer }, 'the engine of a new member takes a snapshot');
      },
      onClose: (reason) => {
        if (newcomer.engine === tunnel) newcomer.engine = undefined;
        const { bytes, givenBytes } = tunnel;
        logger.info({ peer, reason, bytes, givenBytes }, 'a tunnel has ended');
      },
    });
    newcomer.engine?.close('replaced by a newer tunnel');
    newcomer.engine = tunnel;
    logger.info({ peer }, 'a tunnel for a new member');
  }

  #tellSnapshot(): void {
    try {
      this.#options.onSnapshot?.();
    } catch (error) {
      // A full disk: the next turn of the donor finds out for itself, and the join can do without.
      this.#options.logger.warn({ error }, 'no new segment of the log for a join');
    }
  }

  /** Undefined: the engine does not say. */
  async #dataBytes(): Promise<number | undefined> {
    try {
      const client = await connectEngine(this.#options.engine);
      try {
        return Number(infoField(await client.info('memory'), 'used_memory_dataset') ?? 0);
      } finally {
        client.disconnect();
      }
    } catch {
      return undefined;
    }
  }

  async #openLog({ request, socket }: Tunnel): Promise<void> {
    const peer = request.sender;
    const newcomer = this.#newcomer(peer);
    newcomer.log?.link.destroy();
    // An earlier cut is no longer wanted: the engine goes on until the next.
    newcomer.cutAt = undefined;
    newcomer.engine?.pump();
    const refusal = await this.#caughtUp(newcomer, socket);
    if (refusal !== undefined) {
      refuseTunnel(socket, refusal);
      return;
    }
    const cut = this.#options.cut();
    newcomer.cutAt = cut.position;
    newcomer.engine?.pump();
    const totalBytes = cut.files.reduce((sum, { bytes }) => sum + bytes, 0);
    const log: LogTransfer = { link: socket, rate: new Rate(), totalBytes, bytes: 0 };
    newcomer.log = log;
    const fields = { peer, position: cut.position, logBytes: totalBytes };
    this.#options.logger.info(fields, 'the stream of a new member is cut, it gets the log');
    try {
      socket.resume();
      await sendLog(socket, cut, this.#throttle, (bytes) => {
        log.bytes += bytes;
        log.rate.note(log.bytes, performance.now());
      });
      socket.end();
    } finally {
      cut.release();
      if (newcomer.log === log) newcomer.log = undefined;
    }
  }

  /** Waits until the newcomer's engine was given what was published when it asked. */
  async #caughtUp(newcomer: Newcomer, socket: Socket): Promise<Refusal | undefined> {
    const target = this.#published;
    const endMs = performance.now() + CATCH_UP_MS_MAX;
    for (;;) {
      const gate = newcomer.engine?.gate;
      if (gate?.phase !== 'stream' || socket.destroyed || this.#isClosed) return NOT_IN_STEP;
      const mayCut = this.#published >= gate.position;
      const isLate = performance.now() > endMs;
      if (mayCut && (isLate || gate.position >= target)) return undefined;
      if (isLate) return DONOR_BEHIND;
      await new Promise((resolve) => setTimeout(resolve, CATCH_UP_CHECK_MS));
    }
  }
}

/** Undefined: snapshots go as they are, also to one that speaks another version. */
function saltOf({ delta }: TunnelRequest): Buffer | undefined {
  return delta?.version === DELTA_VERSION ? Buffer.from(delta.salt, 'base64') : undefined;
}

const ENGINE_AWAY: Refusal = {
  code: 'engine-away',
  message: "the donor's engine does not answer",
  action: 'start it, or let the new member join from another member',
};

const NOT_IN_STEP: Refusal = {
  code: 'not-in-step',
  message: "the new member's engine does not follow the donor's engine yet",
  action: 'nothing: it asks again',
};

const DONOR_BEHIND: Refusal = {
  code: 'donor-behind',
  message: 'the donor has not taken in the stream of its own engine up to the snapshot',
  action: 'see what keeps the donor from reading its engine, or join from another member',
};
