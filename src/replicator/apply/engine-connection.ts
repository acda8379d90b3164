// A connection to the engine for transactions: what the apply stage and the fenced reads send, and what
// comes back, in order. Everything written in one turn leaves as one packet.

import { connect, type Socket } from 'node:net';
import { OperatorError } from '../../base/errors.ts';
import { type ApplyReply, ApplyReplyReader } from '../../resp/apply-reply-reader.ts';
import { encodeStrings } from '../../resp/encode.ts';

export interface EngineAddress {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
}

export type ReplyHandler = (reply: ApplyReply) => void;

const READ_BUFFER_BYTES = 64 * 1024;

const MULTI = Buffer.from('*1\r\n$5\r\nMULTI\r\n');
const EXEC = Buffer.from('*1\r\n$4\r\nEXEC\r\n');
const ROLE = Buffer.from('*1\r\n$4\r\nROLE\r\n');

/** Connects once; a lost connection is reported and not replaced. */
export class EngineConnection {
  readonly #socket: Socket;
  readonly #reader = new ApplyReplyReader();
  readonly #handlers: ReplyHandler[] = [];
  readonly #onTurn: () => void;
  readonly #onClose: (reason: string) => void;
  #pending: Buffer[] = [];
  #closed = false;

  private constructor(socket: Socket, onTurn: () => void, onClose: (reason: string) => void) {
    this.#socket = socket;
    this.#onTurn = onTurn;
    this.#onClose = onClose;
    socket.on('error', (error) => this.#end(error.message));
    socket.on('close', () => this.#end('the engine closed the connection'));
  }

  /** `onTurn` is called after each chunk of replies was handled. Throws OperatorError. */
  static async open(
    address: EngineAddress,
    name: string,
    onTurn: () => void,
    onClose: (reason: string) => void,
  ): Promise<EngineConnection> {
    let connection: EngineConnection | undefined;
    const buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
    const socket = connect({
      host: address.host,
      port: address.port,
      noDelay: true,
      // One buffer for all reads; replies are short, so what is kept of them is copied cheaply.
      onread: {
        buffer,
        callback: (length) => {
          connection?.received(Buffer.from(buffer.subarray(0, length)));
          return true;
        },
      },
    });
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve);
      socket.once('error', (error) => reject(unreachable(address, error.message)));
    });
    socket.removeAllListeners('error');
    connection = new EngineConnection(socket, onTurn, onClose);
    const { username, password } = address;
    const login = await connection.call(['AUTH', username, password]);
    if (login.kind === 'reply' && login.reply.kind === 'error') {
      connection.close();
      throw new OperatorError(
        'ENGINE_LOGIN_REFUSED',
        `the engine at ${address.host}:${address.port} refused user ${username}: ${login.reply.message}`,
        'Compare the user and password in the settings with the ACL file of the engine.',
      );
    }
    await connection.call(['CLIENT', 'SETNAME', name]);
    return connection;
  }

  /** Sends a command and waits for its reply. Never settles when the connection is lost. */
  call(args: readonly string[]): Promise<ApplyReply> {
    return new Promise((resolve) => this.send(args, resolve));
  }

  send(args: readonly string[], handler: ReplyHandler): void {
    this.#reader.expectReply();
    this.#handlers.push(handler);
    this.#write(encodeStrings(args));
  }

  /** ROLE: where the stream stands. */
  role(handler: ReplyHandler): void {
    this.#reader.expectRole();
    this.#handlers.push(handler);
    this.#write(ROLE);
  }

  /** MULTI, a fence, `count` commands in RESP form, EXEC. `keep`: their results are wanted. */
  transaction(
    channel: string,
    token: string,
    commands: Buffer,
    count: number,
    keep: boolean,
    handler: ReplyHandler,
  ): void {
    this.#reader.expect(count + 1, keep);
    this.#handlers.push(handler);
    this.#write(MULTI);
    this.#write(encodeStrings(['SPUBLISH', channel, token]));
    if (commands.length > 0) this.#write(commands);
    this.#write(EXEC);
  }

  close(): void {
    this.#closed = true;
    this.#socket.destroy();
  }

  #write(bytes: Buffer): void {
    if (this.#pending.length === 0) queueMicrotask(() => this.#flush());
    this.#pending.push(bytes);
  }

  #flush(): void {
    const bytes = this.#pending.length === 1 ? this.#pending[0] : Buffer.concat(this.#pending);
    this.#pending = [];
    if (!this.#closed && bytes !== undefined) this.#socket.write(bytes);
  }

  /** Takes what the socket has read; the chunk is not changed afterwards. */
  received(chunk: Buffer): void {
    try {
      this.#reader.feed(chunk);
      for (;;) {
        const reply = this.#reader.next();
        if (reply === undefined) break;
        this.#handlers.shift()?.(reply);
      }
    } catch (error) {
      this.#socket.destroy();
      this.#end(String(error));
      return;
    }
    this.#onTurn();
  }

  #end(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClose(reason);
  }
}

function unreachable({ host, port }: EngineAddress, why: string): OperatorError {
  return new OperatorError(
    'ENGINE_UNREACHABLE',
    `the engine at ${host}:${port} cannot be reached: ${why}`,
    'Check that it runs; see engine.log in its directory.',
  );
}
