// Whether an engine answers at all. It is asked now and then, on a connection that lasts, how far its stream has come.
// Whatever it says counts as an answer, also that it is busy, is loading, or does not know who asks.
//
// Guarantees: a question waits for its answer for ever, so that an engine that takes long is not one that says
// nothing; where nobody listens, or nobody could be asked, no question waits.

import { connect, type Socket } from 'node:net';
import { type EngineEndpoint, infoField } from './client.ts';

/** How far an engine said that its stream had come. */
export interface StreamEnd {
  readonly replicationId: string;
  readonly offset: number;
}

const ANSWER_CHARS_MAX = 64 * 1024;

/** Gets what came in answer so far, at each piece of it, until it has what it wants. */
type Take = (text: string) => boolean;

export class EnginePulse {
  readonly #endpoint: EngineEndpoint;
  readonly #heard: () => void;
  /** The lasting connection, and one on which it is asked in another way. */
  #line: Line | null = null;
  #secondLine: Line | null = null;
  #earlierEnd: StreamEnd | null = null;
  #lastEnd: StreamEnd | null = null;

  /** `heard` is called at each answer. */
  constructor(endpoint: EngineEndpoint, heard: () => void) {
    this.#endpoint = endpoint;
    this.#heard = heard;
  }

  /** A question is under way that has not been answered. */
  get isWaiting(): boolean {
    return this.#line?.isWaiting === true;
  }

  /**
   * How far its stream had come at its last answer but one; null: it has not said so twice. The very last may speak
   * of writes that were still to be sent to its replicas when it began to hang.
   */
  get knownEnd(): StreamEnd | null {
    return this.#earlierEnd;
  }

  /** Asks it, unless a question is under way. */
  ask(): void {
    if (this.isWaiting) return;
    const { username = 'default', password } = this.#endpoint;
    const login = password === undefined ? '' : command('AUTH', username, password);
    this.#line ??= this.#connect(login, () => {
      this.#line = null;
    });
    this.#line.ask(command('INFO', 'replication'), (text) => this.#take(text));
  }

  /**
   * Asks it on another connection, should the first have been lost without a word, and what is refused before anything
   * else is looked at: by one that holds its clients (CLIENT PAUSE), too.
   */
  askOtherwise(): void {
    if (this.#secondLine !== null) return;
    this.#secondLine = this.#connect('', () => {
      this.#secondLine = null;
    });
    this.#secondLine.ask(command('ECHO'), () => {
      this.#secondLine?.end();
      this.#line?.end();
      return true;
    });
  }

  end(): void {
    this.#line?.end();
    this.#secondLine?.end();
  }

  #connect(login: string, ended: () => void): Line {
    return new Line(this.#endpoint, login, this.#heard, ended);
  }

  #take(text: string): boolean {
    const replicationId = infoField(text, 'master_replid');
    const offset = /^master_repl_offset:(\d+)\r/m.exec(text)?.[1];
    if (replicationId === null || offset === undefined) return false;
    this.#earlierEnd = this.#lastEnd;
    this.#lastEnd = { replicationId, offset: Number(offset) };
    return true;
  }
}

/** One connection, with at most one question under way. */
class Line {
  readonly #socket: Socket;
  readonly #ended: () => void;
  #isWaiting = false;
  #isOver = false;
  #text = '';
  #take: Take = () => true;

  constructor({ host, port }: EngineEndpoint, login: string, heard: () => void, ended: () => void) {
    this.#ended = ended;
    this.#socket = connect({ host, port, noDelay: true });
    this.#socket.unref();
    this.#socket.setEncoding('latin1');
    if (login !== '') this.#socket.write(login, 'latin1');
    this.#socket.on('data', (chunk: string) => {
      this.#isWaiting = false;
      heard();
      if (this.#text.length < ANSWER_CHARS_MAX) this.#text += chunk;
      if (this.#take(this.#text)) this.#take = () => true;
    });
    this.#socket.on('error', () => this.end());
    this.#socket.on('close', () => this.end());
  }

  get isWaiting(): boolean {
    return this.#isWaiting;
  }

  ask(question: string, take: Take): void {
    this.#isWaiting = true;
    this.#text = '';
    this.#take = take;
    this.#socket.write(question, 'latin1');
  }

  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#isWaiting = false;
    this.#socket.destroy();
    this.#ended();
  }
}

function command(...args: readonly string[]): string {
  const parts = args.map((arg) => `$${arg.length}\r\n${arg}\r\n`);
  return `*${args.length}\r\n${parts.join('')}`;
}
