// An engine of its own for a test, with raw connections to it: replies as the model gives them, and the
// replication stream byte for byte.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect as connectSocket, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findEngine } from '../../../../src/engine/find.ts';
import { encodeStrings } from '../../../../src/resp/encode.ts';
import type { ModelReply } from '../reply.ts';
import { parseReply } from './parse-reply.ts';

const SETTINGS = [
  ['save', ''],
  ['appendonly', 'no'],
  ['enable-debug-command', 'yes'],
  ['repl-diskless-sync', 'yes'],
  ['repl-diskless-sync-delay', '0'],
  // No pings in the stream.
  ['repl-ping-replica-period', '3600'],
  // A client whose waiting is over hears of it at the next tick.
  ['hz', '500'],
  ['loglevel', 'warning'],
];
const ACK_INTERVAL_MS = 50;
const END_MARK_LENGTH = 40;
const HANDSHAKE_REPLIES = '+OK\r\n+OK\r\n+OK\r\n';

export class RealEngine {
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #directory: string;

  constructor(port: number, child: ChildProcess, directory: string) {
    this.port = port;
    this.#process = child;
    this.#directory = directory;
  }

  static async start(): Promise<RealEngine> {
    const directory = await mkdtemp(join(tmpdir(), 'model-engine-'));
    const port = await freePort();
    const flags = SETTINGS.flatMap(([name, value]) => [`--${name}`, value as string]);
    const child = spawn(
      (await findEngine()).path,
      ['--port', String(port), '--bind', '127.0.0.1', '--dir', directory, ...flags],
      { stdio: 'ignore' },
    );
    // A test that dies must not leave it behind.
    process.once('exit', () => child.kill('SIGKILL'));
    const engine = new RealEngine(port, child, directory);
    await engine.#untilReady();
    return engine;
  }

  async connect(): Promise<RealClient> {
    return new RealClient(await openSocket(this.port));
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode === null) {
      const exited = once(this.#process, 'exit');
      this.#process.kill('SIGKILL');
      await exited;
    }
    await rm(this.#directory, { recursive: true, force: true });
  }

  async #untilReady(): Promise<void> {
    for (;;) {
      if (this.#process.exitCode !== null) throw new Error('the engine does not start');
      try {
        const client = await this.connect();
        await client.run([['PING']]);
        client.close();
        return;
      } catch {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    }
  }
}

/** A connection that pipelines commands and gives their replies. */
export class RealClient {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  #pending:
    | { count: number; replies: ModelReply[]; done: (replies: ModelReply[]) => void }
    | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => this.#take(bytes));
  }

  run(commands: readonly (readonly string[])[]): Promise<ModelReply[]> {
    if (commands.length === 0) return Promise.resolve([]);
    return new Promise((done) => {
      this.#pending = { count: commands.length, replies: [], done };
      this.#socket.write(Buffer.concat(commands.map(encodeStrings)));
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #take(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    const pending = this.#pending;
    if (pending === undefined) return;
    let at = 0;
    for (;;) {
      const parsed = parseReply(this.#received, at);
      if (parsed === undefined) break;
      pending.replies.push(parsed.reply);
      at = parsed.end;
    }
    this.#received = this.#received.subarray(at);
    if (pending.replies.length === pending.count) pending.done(pending.replies);
  }
}

/** The replication stream of an engine from the moment of attaching. */
export class RealStream {
  readonly #socket: Socket;
  readonly #acknowledging: NodeJS.Timeout;
  #received = Buffer.alloc(0);
  #requested = false;
  #endMark: Buffer | undefined;
  #streaming = false;
  #offset = 0;
  #startOffset = 0;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes) => this.#take(bytes));
    // The stream begins only after an ACK that comes when the engine's fork has ended.
    this.#acknowledging = setInterval(() => {
      if (this.#streaming) this.#send(['REPLCONF', 'ACK', String(this.#offset)]);
    }, ACK_INTERVAL_MS);
    this.#send(['REPLCONF', 'listening-port', '1']);
    this.#send(['REPLCONF', 'capa', 'eof', 'capa', 'psync2']);
    this.#send(['REPLCONF', 'rdb-filter-only', '']);
  }

  static async attach(engine: RealEngine): Promise<RealStream> {
    const stream = new RealStream(await openSocket(engine.port));
    while (!stream.#streaming) await once(stream.#socket, 'data');
    return stream;
  }

  /** The bytes up to the engine's offset `offset`, which must come. */
  async takeUntil(offset: number): Promise<Buffer> {
    while (this.#offset < offset) await once(this.#socket, 'data');
    const bytes = this.#received;
    this.#received = Buffer.alloc(0);
    return bytes;
  }

  close(): void {
    clearInterval(this.#acknowledging);
    this.#socket.destroy();
  }

  #send(args: readonly string[]): void {
    this.#socket.write(encodeStrings(args));
  }

  #take(bytes: Buffer): void {
    this.#received = Buffer.concat([this.#received, bytes]);
    if (this.#streaming) {
      this.#offset += bytes.length;
      return;
    }
    if (this.#endMark === undefined && !this.#readHeader()) return;
    const end = this.#received.indexOf(this.#endMark as Buffer);
    if (end < 0) return;
    this.#received = this.#received.subarray(end + END_MARK_LENGTH);
    this.#offset = this.#startOffset + this.#received.length;
    this.#streaming = true;
  }

  /** +FULLRESYNC id offset, then $EOF:mark. */
  #readHeader(): boolean {
    const text = this.#received.toString('latin1');
    if (!this.#requested && text === HANDSHAKE_REPLIES) {
      // Not before: the engine refuses PSYNC while replies are pending.
      this.#requested = true;
      this.#send(['PSYNC', '?', '-1']);
    }
    const header = /\+FULLRESYNC \w+ (\d+)\r\n[^$]*\$EOF:(.{40})\r\n/s.exec(text);
    if (header === null) return false;
    this.#startOffset = Number(header[1]);
    this.#endMark = Buffer.from(header[2] as string, 'latin1');
    this.#received = this.#received.subarray(header.index + header[0].length);
    return true;
  }
}

async function openSocket(port: number): Promise<Socket> {
  const socket = connectSocket(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.setNoDelay(true);
  return socket;
}

async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port');
  return address.port;
}
