// The load generator: a process that writes at a fixed pace, or as fast as the server answers.
//
// Plain sockets and prepared bytes, because a client library would use more CPU than the server and
// there are few cores. Every reply is checked: an error ends the run with its text. At a fixed pace
// the writes of each millisecond go out together, and a late timer is made up for, so the pace holds
// on average; a server that falls a second behind is not flooded further.

import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { CommandSource } from './command-source.ts';
import { LatencyHistogram } from './latency-histogram.ts';
import { type LoadOptions, type LoadResult, loadOptionsSchema } from './messages.ts';
import { answer, argumentOf } from './process-side.ts';
import { ReplyReader } from './replies.ts';
import { workloadNamed } from './workloads.ts';

/** Commands in flight per connection when there is no pace: enough to keep the server busy. */
const WINDOW_COMMANDS = 1000;

interface Connection {
  readonly socket: Socket;
  readonly replies: ReplyReader;
  /** Commands without a reply. */
  pending: number;
  /** What was sent together, oldest first, where latencies are wanted. */
  readonly sent: { count: number; sentMs: number }[];
}

class Generator {
  readonly #options: LoadOptions;
  readonly #connections: Connection[] = [];
  readonly #commands: CommandSource;
  #latencies = new LatencyHistogram();
  readonly #windowCommands: number;
  #sent = 0;
  #confirmed = 0;
  /** What was confirmed before counting began. */
  #uncounted = 0;
  #isWarm: boolean;
  #isLastTick = false;
  #ended = false;
  #startMs = 0;
  #finish: (result: LoadResult) => void = () => undefined;
  #fail: (error: Error) => void = () => undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#commands = new CommandSource(workloadNamed(options.workload), options);
    this.#windowCommands = options.pipeline ?? WINDOW_COMMANDS;
    this.#isWarm = options.warmUpSeconds === undefined;
  }

  async run(): Promise<LoadResult> {
    for (let i = 0; i < this.#options.connections; i += 1) await this.#open();
    await sleep(Math.max(0, (this.#options.startAtMs ?? 0) - Date.now()));
    return new Promise<LoadResult>((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
      this.#startMs = performance.now();
      if (this.#options.rate > 0) this.#tick();
      else for (const connection of this.#connections) this.#fill(connection);
    });
  }

  close(): void {
    for (const { socket } of this.#connections) socket.destroy();
  }

  async #open(): Promise<void> {
    const { host, port } = this.#options.endpoint;
    const socket = connect({ host, port, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const connection = { socket, replies: new ReplyReader(), pending: 0, sent: [] };
    this.#connections.push(connection);
    socket.on('data', (chunk) => this.#receive(connection, chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => {
      if (!this.#ended) this.#fail(new Error('the server closed the connection'));
    });
  }

  #receive(connection: Connection, chunk: Buffer): void {
    let count = 0;
    try {
      count = connection.replies.take(chunk);
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    connection.pending -= count;
    this.#confirmed += count;
    if (this.#options.pipeline !== undefined) this.#measure(connection, count);
    if (!this.#isWarm) this.#beginWhenWarm();
    if (this.#options.rate === 0) this.#fill(connection);
    this.#endWhenConfirmed();
  }

  #beginWhenWarm(): void {
    if (this.#elapsedSeconds() < (this.#options.warmUpSeconds ?? 0)) return;
    this.#isWarm = true;
    this.#startMs = performance.now();
    this.#uncounted = this.#confirmed;
    this.#latencies = new LatencyHistogram();
  }

  #measure({ sent }: Connection, count: number): void {
    const nowMs = performance.now();
    for (let left = count; left > 0; ) {
      const oldest = sent[0];
      if (oldest === undefined) return;
      const answered = Math.min(left, oldest.count);
      this.#latencies.add(nowMs - oldest.sentMs, answered);
      left -= answered;
      oldest.count -= answered;
      if (oldest.count === 0) sent.shift();
    }
  }

  /** Fixed pace: sends what is due by now, in equal parts over the connections. */
  #tick(): void {
    const { rate } = this.#options;
    const connections = this.#connections.length;
    const secondsMax = this.#secondsMax();
    const elapsedSeconds = this.#elapsedSeconds();
    this.#isLastTick = elapsedSeconds >= secondsMax;
    const due = this.#isLastTick
      ? Math.round(secondsMax * rate)
      : Math.floor(elapsedSeconds * rate);
    const inFlightMax = rate;
    const count = Math.min(due - this.#sent, inFlightMax - (this.#sent - this.#confirmed));
    this.#connections.forEach((connection, i) => {
      const share =
        Math.floor(((i + 1) * count) / connections) - Math.floor((i * count) / connections);
      if (share > 0) this.#send(connection, share);
    });
    if (this.#exhausted()) this.#endWhenConfirmed();
    else setTimeout(() => this.#tick(), 1);
  }

  /** No pace: refills a connection's window once half of it is confirmed. */
  #fill(connection: Connection): void {
    if (connection.pending > this.#windowCommands / 2 || this.#exhausted()) return;
    const left = this.#options.seconds > 0 ? Infinity : this.#writesMax() - this.#sent;
    this.#send(connection, Math.min(this.#windowCommands - connection.pending, left));
  }

  #send(connection: Connection, count: number): void {
    let text = '';
    for (let i = 0; i < count; i += 1) text += this.#commands.next();
    this.#sent += count;
    connection.pending += count;
    if (this.#options.pipeline !== undefined) {
      connection.sent.push({ count, sentMs: performance.now() });
    }
    connection.socket.write(text, 'latin1');
  }

  #exhausted(): boolean {
    if (!this.#isWarm) return false;
    const { seconds, rate } = this.#options;
    // What is due at the end is sent by the tick that sees the end.
    if (seconds > 0) return rate > 0 ? this.#isLastTick : this.#elapsedSeconds() >= seconds;
    return this.#sent >= this.#writesMax();
  }

  #endWhenConfirmed(): void {
    if (this.#ended || !this.#exhausted() || this.#confirmed < this.#sent) return;
    this.#ended = true;
    const p99Ms = this.#options.pipeline === undefined ? null : this.#latencies.percentileMs(99);
    this.#finish({
      kind: 'result',
      writes: this.#confirmed - this.#uncounted,
      seconds: this.#elapsedSeconds(),
      p99Ms,
    });
  }

  #elapsedSeconds(): number {
    return (performance.now() - this.#startMs) / 1000;
  }

  #writesMax(): number {
    return this.#options.writes ?? this.#options.keys;
  }

  #secondsMax(): number {
    const { seconds, rate } = this.#options;
    return seconds > 0 ? seconds : this.#writesMax() / rate;
  }
}

await answer(async () => {
  const generator = new Generator(loadOptionsSchema.parse(argumentOf(process.argv)));
  try {
    return await generator.run();
  } finally {
    generator.close();
  }
});
