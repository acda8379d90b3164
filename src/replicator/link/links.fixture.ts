// A mesh of links on real sockets for tests: each node has a small log in memory and takes what
// comes as a core would, dropping what it has already.

import { once } from 'node:events';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { type Logger, pino } from 'pino';
import { type CertificateFiles, GroupAuthority } from '../../group/authority.ts';
import type { ReplicaId, VersionEntries } from '../../model/version-vector.ts';
import { decodeFrameHeader } from '../../wire/frame.ts';
import { type ReplicatorConfig, replicatorConfigSchema } from '../config.ts';
import { makeFrame, temporaryDirectory } from '../log/frames.fixture.ts';
import { type LinkStatus, Links } from './links.ts';
import type { Refusal } from './messages.ts';

export interface MeshOptions {
  /** Puts a relay in front of every listener, so that connections can be reset. */
  readonly relayed?: boolean;
  readonly compression?: number;
  readonly delayMs?: number;
  readonly tls?: (region: string) => Promise<CertificateFiles>;
  readonly config?: (id: ReplicaId) => Partial<ReplicatorConfig>;
  /** Called before the nodes start to dial. */
  readonly begin?: (nodes: readonly Node[]) => void;
}

/** Waits for a condition that events elsewhere bring about. */
export async function until(condition: () => boolean, withinMs = 15_000): Promise<void> {
  const endMs = performance.now() + withinMs;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`never came true: ${condition}`);
    await sleep(1);
  }
}

/** The frames of one node, all in memory. */
class MemoryLog {
  readonly #self: ReplicaId;
  readonly #frames = new Map<ReplicaId, { last: number; bytes: Buffer }[]>();
  #skipped = 0;

  constructor(self: ReplicaId) {
    this.#self = self;
  }

  add(count: number, opBytes: number): void {
    const first = this.lastSeq(this.#self) + 1;
    this.store(this.#self, first + count - 1, makeFrame(this.#self, first, count, opBytes));
  }

  store(origin: ReplicaId, last: number, bytes: Buffer): void {
    const frames = this.#frames.get(origin) ?? [];
    this.#frames.set(origin, frames);
    frames.push({ last, bytes });
  }

  /** As if so many own ops had been released. */
  skip(count: number): void {
    this.#skipped = count;
  }

  lastSeq(origin: ReplicaId): number {
    return this.#frames.get(origin)?.at(-1)?.last ?? (origin === this.#self ? this.#skipped : 0);
  }

  frameAfter(origin: ReplicaId, seq: number): Buffer | undefined {
    const frames = this.#frames.get(origin) ?? [];
    let low = 0;
    let high = frames.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((frames[middle]?.last ?? 0) > seq) high = middle;
      else low = middle + 1;
    }
    return frames[low]?.bytes;
  }
}

export class Node {
  readonly id: ReplicaId;
  readonly links: Links;
  readonly log: MemoryLog;
  readonly config: ReplicatorConfig;
  readonly frames: { peer: ReplicaId; origin: ReplicaId; firstSeq: number }[] = [];
  readonly acks = new Map<ReplicaId, VersionEntries[]>();
  readonly ups: ReplicaId[] = [];
  downs = 0;
  readonly refusals: Refusal[] = [];
  doubles = 0;
  /** For tests that act from within a delivery: before and once the frame is counted. */
  onFrame: () => void = () => {};
  afterFrame: () => void = () => {};
  readonly #received = new Map<ReplicaId, number>();
  readonly #lines: string[] = [];

  constructor(config: ReplicatorConfig, forceCompression: boolean) {
    this.id = config.self;
    this.config = config;
    this.log = new MemoryLog(config.self);
    const logger: Logger = pino({ level: 'debug' }, { write: (line) => this.#lines.push(line) });
    this.links = new Links({
      config,
      log: this.log,
      logger,
      forceCompression,
      received: (origin) => this.receivedOf(origin),
      events: {
        frame: (peer, bytes) => this.#take(peer, bytes),
        ack: (peer, entries) => this.acks.set(peer, [...(this.acks.get(peer) ?? []), entries]),
        up: (peer) => this.ups.push(peer),
        down: () => {
          this.downs++;
        },
        refused: (_peer, refusal) => this.refusals.push(refusal),
      },
    });
  }

  get port(): number {
    return this.links.port;
  }

  logged(text: string): boolean {
    return this.#lines.some((line) => (JSON.parse(line).reason ?? '').includes(text));
  }

  receivedOf(origin: ReplicaId): number {
    return origin === this.id ? this.log.lastSeq(origin) : (this.#received.get(origin) ?? 0);
  }

  statusOf(peer: Node): LinkStatus {
    return this.links.status().find(({ id }) => id === peer.id) as LinkStatus;
  }

  /** Appends `frames` frames of one op each. */
  write(frames: number, opBytes = 40): void {
    for (let i = 0; i < frames; i++) {
      this.log.add(1, opBytes);
      this.links.appended();
    }
  }

  #take(peer: ReplicaId, bytes: Buffer): void {
    const { origin, firstSeq, count } = decodeFrameHeader(bytes);
    this.frames.push({ peer, origin, firstSeq });
    const last = firstSeq + count - 1;
    const received = this.receivedOf(origin);
    if (last <= received) this.doubles++;
    else if (firstSeq === received + 1) {
      this.onFrame();
      this.#received.set(origin, last);
      this.log.store(origin, last, Buffer.from(bytes));
      this.afterFrame();
    }
  }
}

export class Mesh {
  readonly nodes: [Node, Node, ...Node[]] & { 2: Node };
  readonly #relays: Relay[];

  private constructor(nodes: Node[], relays: Relay[]) {
    this.nodes = nodes as unknown as Mesh['nodes'];
    this.#relays = relays;
  }

  static async start(test: TestContext, count: number, options: MeshOptions = {}): Promise<Mesh> {
    const ids = Array.from({ length: count }, (_, i) => i + 1);
    const ports = await freePorts(count * 2);
    const relays: Relay[] = [];
    const nodes: Node[] = [];
    for (const id of ids) {
      // Others find this node behind its relay, it itself listens on its own port.
      const members = ids.map((other) => ({
        id: other,
        region: `r${other}`,
        host: '127.0.0.1',
        port: ports[options.relayed && other !== id ? count + other - 1 : other - 1],
      }));
      const config = replicatorConfigSchema.parse({
        group: 'g',
        epoch: 1,
        self: id,
        members,
        engine: { host: '127.0.0.1', port: 1, username: 'u', password: 'p' },
        stateDir: '/nowhere',
        admin: { host: '127.0.0.1', port: 1 },
        tls: options.tls === undefined ? null : await options.tls(`r${id}`),
        link: {
          compression: options.compression ?? 0,
          delayMs: Object.fromEntries(ids.map((other) => [other, options.delayMs ?? 0])),
        },
        ...options.config?.(id),
      });
      nodes.push(new Node(config, options.compression !== undefined));
    }
    const mesh = new Mesh(nodes, relays);
    test.after(async () => {
      await Promise.all(nodes.map((node) => node.links.close()));
      for (const relay of relays) relay.close();
    });
    for (const [i, node] of nodes.entries()) {
      await node.links.listen();
      if (options.relayed) {
        relays.push(await Relay.start(ports[count + i] as number, ports[i] as number));
      }
    }
    options.begin?.(nodes);
    for (const node of nodes) node.links.start();
    return mesh;
  }

  allUp(): Promise<void> {
    return until(() =>
      this.nodes.every((node) => node.links.status().every(({ connected }) => connected)),
    );
  }

  /** Everyone has what everyone wrote. */
  converged(): Promise<void> {
    return until(() =>
      this.nodes.every((node) =>
        this.nodes.every((other) => node.receivedOf(other.id) === other.receivedOf(other.id)),
      ),
    );
  }

  resetAll(): void {
    for (const relay of this.#relays) relay.reset();
  }

  /** Lets the event loop turn. */
  async turns(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      await nextTurn();
      await sleep(1);
    }
  }

  /** Links with the configuration of `node`. */
  twinOf(node: Node, change: { host?: string } = {}): Links {
    const members = node.config.members.map((member) => ({ ...member, ...change }));
    return new Node({ ...node.config, members }, false).links;
  }
}

/** Passes bytes on until it is told to reset everything. */
class Relay {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(target: number) {
    this.#server = net.createServer((from) => {
      const to = net.connect(target, '127.0.0.1');
      for (const socket of [from, to]) {
        this.#sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          this.#sockets.delete(socket);
          from.destroy();
          to.destroy();
        });
      }
      from.pipe(to).pipe(from);
    });
  }

  static async start(port: number, target: number): Promise<Relay> {
    const relay = new Relay(target);
    relay.#server.listen(port, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  close(): void {
    this.reset();
    this.#server.close();
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = net.createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => once(server.close(), 'close')));
  return ports;
}

/** A CA whose certificates live in a directory of the test. */
export function makeAuthority(test: TestContext): Promise<GroupAuthority> {
  const dir = temporaryDirectory({ after: (done) => test.after(done) });
  return GroupAuthority.create(dir, 'g');
}
