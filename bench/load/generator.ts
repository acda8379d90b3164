// The load generator: a process that writes at a fixed pace, or as fast as the server answers.
//
// Plain sockets and prepared bytes, because a client library would use more CPU than the server and
// there are few cores. Every reply is checked: an error ends the run with its text. At a fixed pace
// the writes of each millisecond go out together, and a late timer is made up for, so the pace holds
// on average; a server that falls a second behind is not flooded further.

import { connect, type Socket } from 'node:net';
import { type LoadOptions, type LoadResult, loadOptionsSchema } from './messages.ts';
import { answer, argumentOf } from './process-side.ts';
import { ReplyReader } from './replies.ts';

/** Commands in flight per connection when there is no pace: enough to keep the server busy. */
const WINDOW_COMMANDS = 1000;

class Generator {
  readonly #options: LoadOptions;
  readonly #sockets: Socket[] = [];
  readonly #pending: number[] = [];
  readonly #value: string;
  #sent = 0;
  #confirmed = 0;
  #ended = false;
  #startMs = 0;
  #finish: (result: LoadResult) => void = () => undefined;
  #fail: (error: Error) => void = () => undefined;

  constructor(options: LoadOptions) {
    this.#options = options;
    this.#value = 'x'.repeat(options.valueBytes);
  }

  async run(): Promise<LoadResult> {
    for (let i = 0; i < this.#options.connections; i += 1) await this.#open(i);
    return new Promise<LoadResult>((resolve, reject) => {
      this.#finish = resolve;
      this.#fail = reject;
      this.#startMs = performance.now();
      if (this.#options.rate > 0) this.#tick();
      else for (let i = 0; i < this.#sockets.length; i += 1) this.#fill(i);
    });
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async #open(index: number): Promise<void> {
    const { host, port } = this.#options.endpoint;
    const socket = connect({ host, port, noDelay: true });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', reject);
    });
    const replies = new ReplyReader();
    socket.on('data', (chunk) => this.#receive(index, replies, chunk));
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => {
      if (!this.#ended) this.#fail(new Error('the server closed the connection'));
    });
    this.#sockets[index] = socket;
    this.#pending[index] = 0;
  }

  #receive(index: number, replies: ReplyReader, chunk: Buffer): void {
    try {
      const count = replies.take(chunk);
      this.#pending[index] = (this.#pending[index] ?? 0) - count;
      this.#confirmed += count;
    } catch (error) {
      this.#fail(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (this.#options.rate === 0) this.#fill(index);
    this.#endWhenConfirmed();
  }

  /** Fixed pace: sends what is due by now, in equal parts over the connections. */
  #tick(): void {
    const { rate, connections } = this.#options;
    const due = Math.floor(Math.min(this.#elapsedSeconds(), this.#secondsMax()) * rate);
    const inFlightMax = rate;
    const count = Math.min(due - this.#sent, inFlightMax - (this.#sent - this.#confirmed));
    for (let i = 0; i < connections; i += 1) {
      const share =
        Math.floor(((i + 1) * count) / connections) - Math.floor((i * count) / connections);
      if (share > 0) this.#send(i, share);
    }
    if (this.#exhausted()) this.#endWhenConfirmed();
    else setTimeout(() => this.#tick(), 1);
  }

  /** No pace: refills a connection's window once half of it is confirmed. */
  #fill(index: number): void {
    const pending = this.#pending[index] ?? 0;
    if (pending > WINDOW_COMMANDS / 2 || this.#exhausted()) return;
    const left = this.#options.seconds > 0 ? Infinity : this.#options.keys - this.#sent;
    this.#send(index, Math.min(WINDOW_COMMANDS - pending, left));
  }

  #send(index: number, count: number): void {
    const { command, keyPrefix, keys } = this.#options;
    let text = '';
    for (let i = 0; i < count; i += 1) {
      const number = command === 'setRandom' ? Math.floor(Math.random() * keys) : this.#sent % keys;
      const key = keyPrefix + String(number).padStart(12, '0');
      text +=
        command === 'unlink'
          ? `*2\r\n$6\r\nUNLINK\r\n$${key.length}\r\n${key}\r\n`
          : `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${this.#value.length}\r\n${this.#value}\r\n`;
      this.#sent += 1;
    }
    this.#pending[index] = (this.#pending[index] ?? 0) + count;
    this.#sockets[index]?.write(text, 'latin1');
  }

  #exhausted(): boolean {
    if (this.#options.seconds > 0) return this.#elapsedSeconds() >= this.#options.seconds;
    return this.#sent >= this.#options.keys;
  }

  #endWhenConfirmed(): void {
    if (this.#ended || !this.#exhausted() || this.#confirmed < this.#sent) return;
    this.#ended = true;
    this.#finish({ kind: 'result', writes: this.#confirmed, seconds: this.#elapsedSeconds() });
  }

  #elapsedSeconds(): number {
    return (performance.now() - this.#startMs) / 1000;
  }

  #secondsMax(): number {
    const { seconds, keys, rate } = this.#options;
    return seconds > 0 ? seconds : keys / rate;
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
