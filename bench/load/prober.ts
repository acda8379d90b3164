// The prober: measures replication lag while others load the system.
//
// It appends entries to a stream at the writer's side and waits in a blocking XREAD at the reader's
// side. Both moments are taken by one clock in this process, which does nothing else, so neither
// clock differences nor polling enter the figures. What is measured is the sum a user sees: to the
// writer, through replication, and back from the reader.

import { connect, type Socket } from 'node:net';
import { encodeStrings } from '../../src/resp/encode.ts';
import { type ProbeOptions, type ProbeResult, probeOptionsSchema } from './messages.ts';
import { answer, argumentOf } from './process-side.ts';
import { ReplyReader } from './replies.ts';

/** How long the last probes may take before they count as lost. */
const LOST_AFTER_MS = 30_000;

class Prober {
  readonly #options: ProbeOptions;
  /** By probe number; entry ids are `<number>-0`, so numbers start with 1. */
  readonly #sentMs: number[] = [0];
  readonly #lagMs: number[] = [];
  readonly #roundTripMs: number[] = [];
  #answered = 0;
  #seen = 0;
  #last = Infinity;
  #finish: () => void = () => undefined;
  #fail: (error: Error) => void = () => undefined;

  constructor(options: ProbeOptions) {
    this.#options = options;
  }

  async run(): Promise<ProbeResult> {
    const done = new Promise<void>((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
    });
    const reader = await this.#open(this.#options.reader, (bytes, start, end) => {
      this.#receive(bytes.latin1Slice(start, end));
      if (this.#seen < this.#last) this.#wait(reader);
    });
    const writer = await this.#open(this.#options.writer, () => this.#confirm());
    this.#wait(reader);
    this.#tick(writer, performance.now());
    await done;
    const skip = Math.floor(this.#options.warmUpSeconds * this.#options.probesPerSecond);
    return {
      kind: 'result',
      lagMs: this.#lagMs.slice(skip),
      roundTripMs: this.#roundTripMs.slice(skip),
    };
  }

  async #open(
    endpoint: { host: string; port: number },
    onReply: (bytes: Buffer, start: number, end: number) => void,
  ): Promise<Socket> {
    const socket = connect({ ...endpoint, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const replies = new ReplyReader();
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the server closed the connection')));
    socket.on('data', (chunk) => {
      try {
        replies.take(chunk, onReply);
      } catch (error) {
        this.#fail(error instanceof Error ? error : new Error(String(error)));
      }
    });
    return socket;
  }

  #tick(writer: Socket, startMs: number): void {
    const { probesPerSecond, seconds, stream } = this.#options;
    const nowMs = performance.now();
    const number = this.#sentMs.length;
    this.#sentMs.push(nowMs);
    writer.write(encodeStrings(['XADD', stream, `${number}-0`, 'p', '1']));
    if (nowMs - startMs >= seconds * 1000) {
      this.#last = number;
      setTimeout(() => {
        this.#fail(new Error(`${number - this.#seen} probes never arrived at the reader`));
      }, LOST_AFTER_MS).unref();
      return;
    }
    // A random distance keeps the probes from falling in step with the load's ticks.
    const waitMs = ((0.5 + Math.random()) * 1000) / probesPerSecond;
    setTimeout(() => this.#tick(writer, startMs), waitMs);
  }

  #wait(reader: Socket): void {
    const from = this.#seen === 0 ? '0-0' : `${this.#seen}-0`;
    reader.write(encodeStrings(['XREAD', 'BLOCK', '0', 'STREAMS', this.#options.stream, from]));
  }

  #confirm(): void {
    this.#answered += 1;
    this.#roundTripMs.push(performance.now() - (this.#sentMs[this.#answered] ?? Number.NaN));
  }

  #receive(reply: string): void {
    const nowMs = performance.now();
    for (const match of reply.matchAll(/\r\n(\d+)-0\r\n/g)) {
      const number = Number(match[1]);
      if (number !== this.#seen + 1) {
        this.#fail(new Error(`probe ${number} arrived after probe ${this.#seen}`));
        return;
      }
      this.#seen = number;
      this.#lagMs.push(nowMs - (this.#sentMs[number] ?? Number.NaN));
    }
    if (this.#seen >= this.#last) this.#finish();
  }
}

await answer(() => new Prober(probeOptionsSchema.parse(argumentOf(process.argv))).run());
