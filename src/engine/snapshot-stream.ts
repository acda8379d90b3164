// What an engine holds, as the RDB file that it sends over the network to a replica that wants nothing but a snapshot.
// The engine serves its clients meanwhile, as at any full synchronisation, and writes nothing to its disk.

import { connect } from 'node:net';
import type { EngineEndpoint } from './client.ts';

/** The engine sends newlines while it prepares. */
const SILENCE_MS_MAX = 60_000;
const END_MARK_BYTES = 40;
const LINE_BYTES_MAX = 64 * 1024;
const LF = 10;
const NOTHING = Buffer.alloc(0);

/** The file, piece by piece, as fast as it is taken. Throws when it does not come whole. */
export async function* streamSnapshot(
  engine: EngineEndpoint,
  signal?: AbortSignal,
): AsyncGenerator<Buffer, void, undefined> {
  const socket = connect({ host: engine.host, port: engine.port, noDelay: true });
  const onAbort = (): void => void socket.destroy(new Error('it was ended'));
  signal?.addEventListener('abort', onAbort, { once: true });
  socket.setTimeout(SILENCE_MS_MAX, () => socket.destroy(new Error('the engine is silent')));
  try {
    if (signal?.aborted === true) onAbort();
    const snapshot = new SnapshotReader(requests(engine), (bytes) => void socket.write(bytes));
    for await (const chunk of socket as AsyncIterable<Buffer>) {
      const bytes = snapshot.take(chunk);
      if (bytes.length > 0) {
        // Whoever takes it may be slow: that is no silence of the engine.
        socket.setTimeout(0);
        yield bytes;
        socket.setTimeout(SILENCE_MS_MAX);
      }
      if (snapshot.isComplete) return;
    }
    throw new Error('the engine closed the connection');
  } finally {
    signal?.removeEventListener('abort', onAbort);
    socket.destroy();
  }
}

/** One after the other: the engine wants no request for a snapshot while it still has something to answer. */
function requests({ username, password }: EngineEndpoint): string[][] {
  return [
    ...(password === undefined ? [] : [['AUTH', ...(username ? [username] : []), password]]),
    ['REPLCONF', 'capa', 'eof'],
    ['REPLCONF', 'rdb-only', '1'],
    ['SYNC'],
  ];
}

/** Asks for the snapshot, and picks it out of what the engine sends. */
class SnapshotReader {
  readonly #requests: string[][];
  readonly #send: (command: string) => void;
  #asked = '';
  #line: Buffer = NOTHING;
  /** How many bytes are left, or the mark behind the last. */
  #left: number | undefined;
  #endMark: Buffer | undefined;
  /** The last bytes, in which a mark may have begun. */
  #held: Buffer = NOTHING;
  bytes = 0;
  isComplete = false;

  constructor(requests: string[][], send: (command: string) => void) {
    this.#requests = requests;
    this.#send = send;
    this.#request();
  }

  /** The part of the snapshot that came with `chunk`. */
  take(chunk: Buffer): Buffer {
    let rest = chunk;
    while (this.#left === undefined && this.#endMark === undefined) {
      const end = rest.indexOf(LF);
      this.#line = Buffer.concat([this.#line, rest.subarray(0, end < 0 ? rest.length : end)]);
      if (this.#line.length > LINE_BYTES_MAX) throw new Error('an engine answers an endless line');
      if (end < 0) return NOTHING;
      this.#judge(this.#line.latin1Slice().trim());
      this.#line = NOTHING;
      rest = rest.subarray(end + 1);
    }
    const taken = this.#left === undefined ? this.#toMark(rest) : this.#counted(rest);
    this.bytes += taken.length;
    return taken;
  }

  #judge(line: string): void {
    const size = /^\$(\d{1,15})$/.exec(line);
    if (size !== null) {
      this.#left = Number(size[1]);
      this.isComplete = this.#left === 0;
    } else if (line.startsWith('$EOF:') && line.length === 5 + END_MARK_BYTES) {
      this.#endMark = Buffer.from(line.slice(5), 'latin1');
    } else if (line.startsWith('-') && this.#asked !== 'REPLCONF') {
      throw new Error(`the engine answers ${line.slice(1, 200)}`);
      // It sends empty lines while it prepares the snapshot.
    } else if (line !== '') this.#request();
  }

  #request(): void {
    const args = this.#requests.shift() ?? [];
    this.#asked = args[0] ?? this.#asked;
    const words = args.map((arg) => `$${Buffer.byteLength(arg)}\r\n${arg}\r\n`);
    if (args.length > 0) this.#send(`*${args.length}\r\n${words.join('')}`);
  }

  #counted(rest: Buffer): Buffer {
    const taken = rest.subarray(0, this.#left);
    this.#left = (this.#left as number) - taken.length;
    this.isComplete = this.#left === 0;
    return taken;
  }

  #toMark(rest: Buffer): Buffer {
    const bytes = this.#held.length === 0 ? rest : Buffer.concat([this.#held, rest]);
    const end = bytes.indexOf(this.#endMark as Buffer);
    if (end >= 0) {
      this.isComplete = true;
      return bytes.subarray(0, end);
    }
    const sure = Math.max(0, bytes.length - END_MARK_BYTES + 1);
    this.#held = Buffer.from(bytes.subarray(sure));
    return bytes.subarray(0, sure);
  }
}
