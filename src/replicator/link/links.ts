// The mesh: a connection to every peer and one from every peer, on real sockets.
//
// Frames to a peer travel on the connection that we dialed, its acks come back on the same; frames
// from a peer come in on the one that it dialed. So a peer that is slow to read delays nobody: not
// its own frames to us, not our acks to it, not any other peer.

import type { AddressInfo, Server, Socket } from 'node:net';
import type { Logger } from 'pino';
import { assert } from '../../base/assert.ts';
import { OperatorError } from '../../base/errors.ts';
import type { ReplicaId, VersionEntries } from '../../model/version-vector.ts';
import type { Member, ReplicatorConfig } from '../config.ts';
import type { Traffic } from './connection.ts';
import type { Certificate, Identity, Standing } from './greeting.ts';
import { Incoming } from './incoming.ts';
import type { Refusal } from './messages.ts';
import { instant, Outgoing } from './outgoing.ts';
import type { FrameSource } from './sender-session.ts';
import { isLoopback, listenOn, Transport } from './transport.ts';
import { NO_TUNNELS, refuseTunnel, type TunnelHandler } from './tunnel.ts';

const TICK_MS = 250;
/** Ticks so far apart mean that this process stood still: nobody's silence counts. */
const ASLEEP_MS = 2000;
const CLOSE_MS_MAX = 500;
/** The same stranger's trouble is told again after this. */
const REPEAT_WARNING_MS = 60_000;
const WARNINGS_MAX = 100;

export interface LinksEvents {
  /** A checked record from `peer` that holds a frame. CorruptInput thrown here closes the link. */
  frame(peer: ReplicaId, bytes: Buffer): void;
  ack(peer: ReplicaId, entries: VersionEntries): void;
  /** Both directions stand: from now on `want` reaches the peer. */
  up(peer: ReplicaId): void;
  down(peer: ReplicaId, reason: string): void;
  /** A peer does not want us, and says why. */
  refused(peer: ReplicaId, refusal: Refusal): void;
}

export interface LinksOptions {
  readonly config: ReplicatorConfig;
  readonly log: FrameSource;
  readonly logger: Logger;
  readonly events: LinksEvents;
  /** The highest sequence of `origin` up to which everything was received here; own: the last op. */
  readonly received: (origin: ReplicaId) => number;
  /** Takes the tunnels that joining members ask for; without it they are refused. */
  readonly tunnels?: TunnelHandler;
  /** Told to the peers. */
  readonly software?: string;
  readonly standing?: Standing;
  /** Compress on loopback too. */
  readonly forceCompression?: boolean;
}

export interface LinkStatus {
  readonly id: ReplicaId;
  readonly region: string;
  readonly connected: boolean;
  readonly cut: boolean;
  readonly roundTripMs: number | null;
  readonly clockSkewMs: number | null;
  readonly sentBytes: number;
  readonly receivedBytes: number;
  /** Bytes of the frames that were sent, before compression. */
  readonly rawSentBytes: number;
  readonly lastError: string | null;
  /** Our ops that are visible there. */
  readonly ackedSeq: number;
}

interface Peer {
  readonly member: Member;
  readonly outgoing: Outgoing;
  readonly traffic: Traffic;
  readonly delayMs: number;
  readonly logger: Logger;
  incoming: Incoming | undefined;
  isUp: boolean;
  isCut: boolean;
  isPaused: boolean;
  rawSentBytes: number;
  ackedSeq: number;
}

export class Links {
  readonly #options: LinksOptions;
  readonly #identity: Identity;
  readonly #own: Member;
  readonly #transport: Transport;
  readonly #server: Server;
  readonly #peers = new Map<ReplicaId, Peer>();
  /** Accepted, not yet known who. */
  readonly #strangers = new Set<Incoming>();
  /** All that were accepted, also those still in a TLS handshake. */
  readonly #sockets = new Set<Socket>();
  readonly #warnedMs = new Map<string, number>();
  #entries: VersionEntries | undefined;
  #timer: NodeJS.Timeout | undefined;
  #tickedMs = performance.now();
  #isClosed = false;

  constructor(options: LinksOptions) {
    const { group, shard, epoch, self, members } = options.config;
    this.#options = options;
    this.#identity = {
      group,
      shard,
      epoch,
      self,
      members,
      software: options.software ?? 'atoll',
      standing: options.standing,
    };
    const own = members.find(({ id }) => id === self);
    if (own === undefined) {
      throw new OperatorError(
        'not-a-member',
        `replicator ${self} is not among the members of its own configuration`,
        'add it to members, or correct self',
      );
    }
    this.#own = own;
    this.#transport = new Transport(options.config);
    this.#server = this.#transport.server(
      (socket, certificate) => this.#accept(socket, certificate),
      (reason) => this.#warnOnce(reason, {}, 'a TLS handshake broke off'),
    );
    this.#server.on('connection', (socket: Socket) => {
      this.#sockets.add(socket);
      socket.once('close', () => this.#sockets.delete(socket));
    });
    for (const member of members) {
      if (member.id !== self && member.gone === undefined)
        this.#peers.set(member.id, this.#newPeer(member));
    }
  }

  /** Where peers reach us; valid once `listen` is done. */
  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async listen(): Promise<void> {
    await listenOn(this.#server, this.#own.host, this.#own.port);
    this.#server.on('error', (error) => this.#options.logger.error({ error }, 'listener failed'));
  }

  /** Begins to dial. */
  start(): void {
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    for (const peer of this.#peers.values()) peer.outgoing.dial();
  }

  /** The log has grown. */
  appended(): void {
    for (const peer of this.#peers.values()) peer.outgoing.pump();
  }

  /** `entries` are visible here; told to all peers soon. */
  acknowledge(entries: VersionEntries): void {
    this.#entries = entries;
    for (const peer of this.#peers.values()) peer.incoming?.acknowledge(entries);
  }

  /**
   * Asks `peerId` for the frames of `origin` beyond `afterSeq` that it holds. False: it is not
   * connected. An answer under way is lost with the link; ask again when it is up.
   */
  want(peerId: ReplicaId, origin: ReplicaId, afterSeq: number): boolean {
    const { incoming, isCut } = this.#peer(peerId);
    if (isCut || incoming?.isStreaming !== true) return false;
    incoming.want({ origin, afterSeq });
    return true;
  }

  /** Takes no more frames from `peerId`; none is delivered after this returns. */
  pause(peerId: ReplicaId): void {
    const peer = this.#peer(peerId);
    peer.isPaused = true;
    peer.incoming?.pause();
  }

  resume(peerId: ReplicaId): void {
    const peer = this.#peer(peerId);
    peer.isPaused = false;
    peer.incoming?.resume();
  }

  /** Stops all traffic with these peers as a broken wire would: nothing is closed or reset. */
  cut(peerIds: readonly ReplicaId[]): void {
    for (const peerId of peerIds) {
      const peer = this.#peer(peerId);
      peer.isCut = true;
      peer.outgoing.cut();
      peer.incoming?.hold();
      this.#update(peer, 'cut on request');
    }
  }

  heal(peerIds: readonly ReplicaId[]): void {
    for (const peerId of peerIds) {
      const peer = this.#peer(peerId);
      if (!peer.isCut) continue;
      peer.isCut = false;
      peer.outgoing.heal();
      peer.incoming?.release();
      if (this.#entries !== undefined) peer.incoming?.acknowledge(this.#entries);
      this.#update(peer, 'healed on request');
      peer.outgoing.pump();
    }
  }

  /** Makes all links anew: what greetings say has changed. */
  greetAgain(reason: string): void {
    for (const { outgoing, incoming } of this.#peers.values()) {
      outgoing.drop(reason);
      incoming?.destroy(reason);
    }
  }

  /** By how much the member's clock is ahead; null while nothing is known about it, or when it is gone. */
  clockSkewMs(peerId: ReplicaId): number | null {
    return this.#peers.get(peerId)?.outgoing.clock.skewMs ?? null;
  }

  /** The own clock was set: what was measured with it is void. */
  forgetClocks(): void {
    for (const { outgoing } of this.#peers.values()) outgoing.clock.forget();
  }

  status(): LinkStatus[] {
    return [...this.#peers.values()].map((peer) => ({
      id: peer.member.id,
      region: peer.member.region,
      connected: peer.isUp,
      cut: peer.isCut,
      roundTripMs: peer.outgoing.clock.roundTripMs,
      clockSkewMs: peer.outgoing.clock.skewMs,
      sentBytes: peer.traffic.sentBytes,
      receivedBytes: peer.traffic.receivedBytes,
      rawSentBytes: peer.rawSentBytes,
      lastError: peer.outgoing.lastError,
      ackedSeq: peer.ackedSeq,
    }));
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#timer);
    const incomings = [...this.#strangers];
    for (const { incoming } of this.#peers.values()) if (incoming) incomings.push(incoming);
    for (const incoming of incomings) incoming.finish();
    for (const { outgoing } of this.#peers.values()) outgoing.close();
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
      for (const { outgoing } of this.#peers.values()) outgoing.destroy();
    }, CLOSE_MS_MAX);
    if (this.#server.listening) await new Promise((resolve) => this.#server.close(resolve));
    clearTimeout(timer);
    for (const { outgoing } of this.#peers.values()) outgoing.destroy();
  }

  #peer(peerId: ReplicaId): Peer {
    const peer = this.#peers.get(peerId);
    assert(peer !== undefined, `replicator ${peerId} is a peer`);
    return peer;
  }

  #newPeer(member: Member): Peer {
    const { config, events, log, received, forceCompression } = this.#options;
    const isNear = isLoopback(member.host) && forceCompression !== true;
    const traffic: Traffic = { sentBytes: 0, receivedBytes: 0 };
    const delayMs = config.link.delayMs[String(member.id)] ?? 0;
    const logger = this.#options.logger.child({ peer: member.id, peerRegion: member.region });
    const outgoing = new Outgoing({
      identity: this.#identity,
      member,
      transport: this.#transport,
      frames: log,
      received,
      compression: isNear ? 0 : config.link.compression,
      delayMs,
      traffic,
      logger,
      events: {
        changed: (reason) => this.#update(peer, reason),
        refused: (refusal) => events.refused(member.id, refusal),
        ack: (entries) => {
          for (const [id, seq] of entries) if (id === config.self) peer.ackedSeq = seq;
          events.ack(member.id, entries);
        },
        frameTaken: (bytes) => {
          peer.rawSentBytes += bytes;
        },
      },
    });
    const peer: Peer = {
      member,
      outgoing,
      traffic,
      delayMs,
      logger,
      incoming: undefined,
      isUp: false,
      isCut: false,
      isPaused: false,
      rawSentBytes: 0,
      ackedSeq: 0,
    };
    return peer;
  }

  #accept(socket: Socket, certificate: Certificate): void {
    const incoming = new Incoming(socket, {
      identity: this.#identity,
      certificate,
      received: this.#options.received,
      events: {
        greeted: (greeted, peerId) => this.#greeted(greeted, this.#peer(peerId)),
        frame: (bytes) => this.#options.events.frame(incoming.peer as ReplicaId, bytes),
        tunnel: (tunnelled, tunnel) => {
          this.#strangers.delete(tunnelled);
          if (this.#options.tunnels === undefined) refuseTunnel(tunnel.socket, NO_TUNNELS);
          else this.#options.tunnels.accept(tunnel);
        },
        closed: (closed, reason) => this.#closed(closed, reason),
      },
    });
    this.#strangers.add(incoming);
    incoming.begin();
  }

  #greeted(incoming: Incoming, peer: Peer): void {
    this.#strangers.delete(incoming);
    const previous = peer.incoming;
    peer.incoming = incoming;
    previous?.destroy('replaced by a newer connection');
    incoming.attach(peer.traffic, peer.delayMs);
    if (peer.isPaused) incoming.pause();
    if (peer.isCut) incoming.hold();
    if (this.#entries !== undefined) {
      // The hello must come first, so the ack follows in the next turn.
      const entries = this.#entries;
      setImmediate(() => incoming.acknowledge(entries));
    }
    peer.outgoing.nudge();
    this.#update(peer, 'connected');
  }

  #closed(incoming: Incoming, reason: string): void {
    if (this.#isClosed) return;
    if (this.#strangers.delete(incoming) || incoming.peer === undefined) {
      this.#warnOnce(reason, { address: incoming.address }, 'an incoming link was not accepted');
      return;
    }
    const peer = this.#peer(incoming.peer);
    if (peer.incoming !== incoming) return;
    peer.incoming = undefined;
    peer.logger.warn({ reason }, 'the link from the peer is gone');
    this.#update(peer, reason);
  }

  #update(peer: Peer, reason: string): void {
    const isUp = !peer.isCut && peer.outgoing.isStreaming && peer.incoming?.isStreaming === true;
    if (isUp === peer.isUp || this.#isClosed) return;
    peer.isUp = isUp;
    if (isUp) peer.logger.info('link up');
    else peer.logger.warn({ reason }, 'link down');
    if (isUp) this.#options.events.up(peer.member.id);
    else this.#options.events.down(peer.member.id, reason);
  }

  #tick(): void {
    const now = instant();
    const wasAsleep = now.nowMs - this.#tickedMs >= ASLEEP_MS;
    this.#tickedMs = now.nowMs;
    for (const peer of this.#peers.values()) {
      peer.outgoing.tick(now, wasAsleep);
      peer.incoming?.tick(now, wasAsleep);
    }
    for (const stranger of this.#strangers) stranger.tick(now, wasAsleep);
  }

  /** A stranger that knocks all day does not fill the logs. */
  #warnOnce(reason: string, fields: object, message: string): void {
    const nowMs = performance.now();
    const { logger } = this.#options;
    if (nowMs - (this.#warnedMs.get(reason) ?? Number.NEGATIVE_INFINITY) < REPEAT_WARNING_MS) {
      logger.debug({ ...fields, reason }, message);
      return;
    }
    if (this.#warnedMs.size >= WARNINGS_MAX) this.#warnedMs.clear();
    this.#warnedMs.set(reason, nowMs);
    logger.warn({ ...fields, reason }, message);
  }
}
