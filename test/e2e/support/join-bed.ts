// What a test of a join needs: engines, a donor (links, tunnels and a log, with a stand-in for the core
// that says how far the log reaches), a wire that can be broken, and a recording of the donor's stream
// from which its state at any offset can be made anew.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { pino } from 'pino';
import { infoField } from '../../../src/engine/client.ts';
import { Capture } from '../../../src/replicator/capture/capture.ts';
import { type ReplicatorConfig, replicatorConfigSchema } from '../../../src/replicator/config.ts';
import { Tunnels } from '../../../src/replicator/join/tunnels.ts';
import { Links } from '../../../src/replicator/link/links.ts';
import { makeFrame } from '../../../src/replicator/log/frames.fixture.ts';
import { Log } from '../../../src/replicator/log/log.ts';
import { encodeRecord, RecordType } from '../../../src/wire/record.ts';

const PASSWORD = 'join-password';
const WAIT_MS_MAX = 30_000;
export const DONOR = 1;
export const NEWCOMER = 2;
export const logger = pino({ level: process.env.JOIN_TEST_LOG ?? 'silent' });

export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const endMs = performance.now() + WAIT_MS_MAX;
  while (!(await condition())) {
    assert.ok(performance.now() < endMs, `never came true: ${condition}`);
    await sleep(5);
  }
}

/** Undoes what a test started, last first. */
export class Undo {
  readonly #actions: (() => Promise<void> | void)[] = [];

  defer(action: () => Promise<void> | void): void {
    this.#actions.push(action);
  }

  async run(): Promise<void> {
    for (const action of this.#actions.reverse()) await action();
  }
}

export class Engine {
  readonly port: number;
  readonly client: Redis;
  readonly #process: ChildProcess;

  private constructor(port: number, child: ChildProcess) {
    this.port = port;
    this.#process = child;
    this.client = new Redis({ port, password: PASSWORD });
  }

  static async start(undo: Undo, more: readonly string[] = []): Promise<Engine> {
    const port = await freePort();
    const dir = temporaryDir(undo);
    const settings = [
      ...['--port', String(port), '--bind', '127.0.0.1', '--dir', dir, '--save', ''],
      ...['--databases', '1', '--enable-debug-command', 'yes', '--repl-diskless-sync', 'yes'],
      ...['--repl-diskless-sync-delay', '0', '--repl-backlog-size', '16mb'],
      ...['--repl-backlog-ttl', '0', '--client-output-buffer-limit', 'replica', '0', '0', '0'],
      ...['--user', 'default', 'on', `>${PASSWORD}`, '~*', '&*', '+@all'],
      ...more,
    ];
    const child = spawn(process.env.ATOLL_ENGINE || 'redis-server', settings, {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const exited = once(child, 'exit');
    assert.ok(child.stdout !== null);
    for await (const line of createInterface({ input: child.stdout })) {
      if (line.includes('Ready to accept connections')) break;
    }
    child.stdout.resume();
    const engine = new Engine(port, child);
    undo.defer(async () => {
      engine.client.disconnect();
      child.kill('SIGKILL');
      await exited;
    });
    return engine;
  }

  get endpoint() {
    return { host: '127.0.0.1', port: this.port, username: 'default', password: PASSWORD };
  }

  pause(): void {
    this.#process.kill('SIGSTOP');
  }

  async info(field: string): Promise<string> {
    return infoField(await this.client.info('everything'), field) ?? '';
  }

  async offset(): Promise<number> {
    return Number(await this.info('master_repl_offset'));
  }

  /** Of all data, with types and whether keys expire. */
  async digest(): Promise<string> {
    return String(await this.client.call('DEBUG', 'DIGEST'));
  }
}

/** A donor whose core is a stand-in: it "logs" the stream a few milliseconds after the engine made it. */
export class Donor {
  readonly tunnels: Tunnels;
  readonly config: ReplicatorConfig;
  readonly log: Log;
  readonly cuts: number[] = [];
  readonly #engine: Engine;
  #published = 0;
  #isPublishing = true;

  private constructor(engine: Engine, config: ReplicatorConfig, undo: Undo) {
    this.#engine = engine;
    this.config = config;
    const { log, records } = Log.open(join(temporaryDir(undo), 'log'), {
      segmentBytes: 64 * 1024,
      fsync: 'no',
      checkpoint: () => encodeRecord(RecordType.checkpoint, Buffer.from('{}')),
      logger,
    });
    assert.deepEqual([...records], []);
    this.log = log;
    for (let seq = 1; seq <= 400; seq += 10) log.append([makeFrame(DONOR, seq, 10, 100)]);
    this.tunnels = new Tunnels({ engine: engine.endpoint, logger, cut: () => this.#cut() });
  }

  /** `wire`: through which the newcomer reaches it. */
  static async start(engine: Engine, undo: Undo, ports: [donor: number, wire: number]) {
    const config = configFor(DONOR, ports, temporaryDir(undo));
    const donor = new Donor(engine, config, undo);
    const links = new Links({
      config,
      log: donor.log,
      logger,
      tunnels: donor.tunnels,
      events: { frame() {}, ack() {}, up() {}, down() {}, refused() {} },
      received: () => 0,
    });
    await links.listen();
    undo.defer(async () => {
      donor.#isPublishing = false;
      donor.tunnels.close();
      await links.close();
      await donor.log.close();
    });
    void donor.#publish();
    return donor;
  }

  /** INFO is answered between commands, so its offset is where one ends. */
  async #publish(): Promise<void> {
    while (this.#isPublishing) {
      const offset = await this.#engine.offset().catch(() => 0);
      await sleep(3);
      if (offset > this.#published) this.#published = offset;
      this.tunnels.published(this.#published);
    }
  }

  #cut() {
    this.cuts.push(this.#published);
    return {
      position: this.#published,
      replicationId: 'a'.repeat(40),
      self: DONOR,
      ...this.log.hold(),
    };
  }
}

export function configFor(self: number, [donorPort, wirePort]: [number, number], stateDir: string) {
  return replicatorConfigSchema.parse({
    group: 'g',
    epoch: 3,
    self,
    members: [
      // The newcomer finds the donor at the other end of the wire.
      {
        id: DONOR,
        region: 'east',
        host: '127.0.0.1',
        port: self === DONOR ? donorPort : wirePort,
      },
      { id: NEWCOMER, region: 'west', host: '127.0.0.1', port: 0 },
    ],
    engine: { host: '127.0.0.1', port: 1, username: 'default', password: PASSWORD },
    stateDir,
    admin: { host: '127.0.0.1', port: 1 },
    tls: null,
  });
}

/** Passes bytes on; breaks everything once so many bytes have come back. */
export class Wire {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #breakAfter = Number.POSITIVE_INFINITY;
  #bytes = 0;
  #isDown = false;
  breaks = 0;

  private constructor(target: number) {
    this.#server = createServer((from) => {
      if (this.#isDown) {
        from.destroy();
        return;
      }
      const to = connect(target, '127.0.0.1');
      for (const socket of [from, to]) {
        this.#sockets.add(socket);
        socket.on('error', () => {});
        socket.on('close', () => {
          this.#sockets.delete(socket);
          from.destroy();
          to.destroy();
        });
      }
      to.on('data', (chunk: Buffer) => {
        this.#bytes += chunk.length;
        if (this.#bytes < this.#breakAfter) return;
        this.#breakAfter = Number.POSITIVE_INFINITY;
        this.breaks++;
        this.reset();
      });
      from.pipe(to).pipe(from);
    });
  }

  static async open(port: number, target: number, undo: Undo): Promise<Wire> {
    const wire = new Wire(target);
    wire.#server.listen(port, '127.0.0.1');
    await once(wire.#server, 'listening');
    undo.defer(() => {
      wire.reset();
      wire.#server.close();
    });
    return wire;
  }

  /** Breaks after so many more bytes. */
  breakAfter(bytes: number): void {
    this.#breakAfter = this.#bytes + bytes;
  }

  /** For good. */
  down(): void {
    this.#isDown = true;
    this.reset();
  }

  reset(): void {
    for (const socket of this.#sockets) socket.resetAndDestroy();
  }
}

/** The donor's stream from a moment on, and an engine that is the donor's copy as of that moment. */
export class Recording {
  readonly #copy: Engine;
  readonly #copyOffset: number;
  readonly #startOffset: number;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  private constructor(copy: Engine, copyOffset: number, startOffset: number) {
    this.#copy = copy;
    this.#copyOffset = copyOffset;
    this.#startOffset = startOffset;
  }

  /** Nobody may write until it resolves. */
  static async begin(engine: Engine, undo: Undo): Promise<Recording> {
    const copy = await Engine.start(undo);
    await copy.client.config('SET', 'masterauth', PASSWORD);
    const { promise, resolve } = Promise.withResolvers<number>();
    let recording: Recording | undefined;
    const early: Buffer[] = [];
    const capture = new Capture({
      ...engine.endpoint,
      gatherMs: 1,
      onStart: ({ offset }) => resolve(offset),
      onData: (chunk) => {
        if (recording === undefined) early.push(chunk);
        else recording.#take(chunk);
      },
      onLost: assert.fail,
      onClose: () => {},
    });
    undo.defer(() => capture.close());
    const startOffset = await promise;
    await copy.client.call('REPLICAOF', '127.0.0.1', String(engine.port));
    await until(async () => (await copy.info('master_link_status')) === 'up');
    const copyOffset = await copy.offset();
    await copy.client.call('REPLICAOF', 'NO', 'ONE');
    assert.equal(Number(await copy.info('second_repl_offset')), copyOffset + 1);
    recording = new Recording(copy, copyOffset, startOffset);
    for (const chunk of early) recording.#take(chunk);
    return recording;
  }

  /** An engine with what the donor's engine held at `offset`. To be called once. */
  async stateAt(offset: number): Promise<Engine> {
    await until(() => this.#startOffset + this.#bytes >= offset);
    const stream = Buffer.concat(this.#chunks);
    const socket = connect(this.#copy.port, '127.0.0.1');
    const last = `${'z'.repeat(30)}`;
    let answers = '';
    socket.on('data', (chunk: Buffer) => {
      answers = (answers + chunk.latin1Slice()).slice(-100);
    });
    socket.write(`*2\r\n$4\r\nAUTH\r\n$${PASSWORD.length}\r\n${PASSWORD}\r\n`);
    socket.write(stream.subarray(this.#copyOffset - this.#startOffset, offset - this.#startOffset));
    socket.write(`*2\r\n$4\r\nECHO\r\n$${last.length}\r\n${last}\r\n`);
    await until(() => answers.includes(last));
    socket.destroy();
    return this.#copy;
  }

  #take(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#bytes += chunk.length;
  }
}

export function temporaryDir(undo: Undo): string {
  const dir = mkdtempSync(join(tmpdir(), 'join-'));
  undo.defer(() => rmSync(dir, { recursive: true, force: true }));
  return dir;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
