// One conversation with an engine, in which we pose as its replica: log in, ask for the replication
// stream from a position on, take it, acknowledge. Bytes in, bytes and events out: no socket, no timer,
// no clock of its own.
//
// What has to be known about the engine's side:
// - A first start asks for a full resync, but with `rdb-filter-only ""` its snapshot holds no data,
//   whatever the engine holds. The stream follows only after an acknowledgement that reaches the engine
//   once it has noticed that its snapshot process ended; an earlier one is ignored. So the
//   acknowledgement is repeated quickly until the first byte comes.
// - A resume may be answered by a full resync: the position is no longer in the engine's backlog. The
//   writes in between are gone from the stream, so this is never accepted here but reported as lost.
// - After a failover the engine continues the old history under a new replication id.
// - WAIT makes the engine ask for an acknowledgement in the stream (REPLCONF GETACK). It gets one at
//   once, and another as soon as what precedes the question has been taken in.
//
// Every request waits for the answer to the one before it: had the filter been refused, a request for
// the stream sent along with it would make the engine write its whole data set.

import { assert } from '../../base/assert.ts';
import { OperatorError } from '../../base/errors.ts';
import { encodeStrings } from '../../resp/encode.ts';

/** A place in an engine's replication stream: all bytes up to `offset` have been taken. */
export interface StreamPosition {
  replicationId: string;
  offset: number;
}

export interface SessionOptions {
  username: string;
  password: string;
  /** Where to go on; without it the stream starts at the present moment. */
  resume?: StreamPosition | undefined;
}

/** What a session wants done. Called while it takes its input; a call may lead back to acknowledge(). */
export interface SessionOutput {
  send(bytes: Buffer): void;
  /** Every write after this position will come as data. */
  started(position: StreamPosition): void;
  data(chunk: Buffer): void;
  /** The position asked for is gone. The session is over. */
  lost(reason: string): void;
  /** The session is over. */
  failed(error: OperatorError): void;
}

type State =
  | 'idle'
  | 'login'
  | 'port'
  | 'abilities'
  | 'filter'
  | 'sync'
  | 'snapshot head'
  | 'snapshot'
  | 'stream'
  | 'over';

export const ACK_EVERY_MS = 1000;
export const ACK_UNTIL_STREAM_EVERY_MS = 50;

/** The engine sends a ping every 10 s by default, and newlines while it prepares a snapshot. */
export const SILENCE_MS_MAX = 60_000;

/** `-ERR ...` and the like; an engine that sends more without a line end is no engine. */
const LINE_BYTES_MAX = 64 * 1024;

const LF = 10;
const END_MARK_BYTES = 40;

const NEXT_AFTER = {
  login: 'port',
  port: 'abilities',
  abilities: 'filter',
  filter: 'sync',
} as const;

const GETACK = Buffer.from('$6\r\nGETACK\r\n', 'latin1');
/** `$1\r\n*\r\n`, with which the command goes on. */
const AFTER_GETACK_BYTES = 7;

const NOTHING = Buffer.alloc(0);

/** Our side of a replication conversation. */
export class CaptureSession {
  #options: SessionOptions;
  #output: SessionOutput;
  #state: State = 'idle';

  /** A line of the handshake, or the end of a snapshot, that is cut. */
  #cut: Buffer = NOTHING;
  /** The bytes after which the snapshot is over, or how many are left of it. */
  #endMark: Buffer | undefined;
  #snapshotLeft = 0;

  #received = 0;
  #acknowledged = 0;
  #heardStream = false;
  #ackedAtMs = 0;
  #heardAtMs = 0;
  /** An acknowledgement of at least this offset was asked for; 0: none. */
  #ackDueAt = 0;
  /** The last bytes of the stream so far, then the first of a chunk: where a cut GETACK shows. */
  #seam: Buffer = Buffer.alloc(2 * (GETACK.length - 1));

  constructor(options: SessionOptions, output: SessionOutput) {
    this.#options = options;
    this.#output = output;
  }

  /** The replication offset of the last byte received. */
  get received(): number {
    return this.#received;
  }

  get streaming(): boolean {
    return this.#state === 'stream';
  }

  /** How soon tick() has something to do. */
  get tickMs(): number {
    return this.#heardStream ? ACK_EVERY_MS : ACK_UNTIL_STREAM_EVERY_MS;
  }

  /** The connection is up. */
  begin(nowMs: number): void {
    assert(this.#state === 'idle', 'a session begins once');
    this.#heardAtMs = nowMs;
    this.#request('login');
  }

  /** Takes bytes from the engine; `data` hands on views into them, nothing else is kept of them. */
  receive(chunk: Buffer, nowMs: number): void {
    this.#heardAtMs = nowMs;
    let rest: Buffer | undefined = chunk;
    while (rest !== undefined && rest.length > 0 && this.#state !== 'over') {
      if (this.#state === 'stream') {
        this.#takeStream(rest, nowMs);
        return;
      }
      rest = this.#state === 'snapshot' ? this.#skipSnapshot(rest) : this.#takeLine(rest);
      if (this.streaming) this.#acknowledgeNow(nowMs);
    }
  }

  /** Everything up to `offset` is safe here: the engine may forget it. */
  acknowledge(offset: number, nowMs: number): void {
    if (offset <= this.#acknowledged) return;
    assert(offset <= this.#received, 'only what was received is acknowledged');
    this.#acknowledged = offset;
    if (this.#ackDueAt > 0 && offset >= this.#ackDueAt) {
      this.#ackDueAt = 0;
      this.#acknowledgeNow(nowMs);
    }
  }

  /** Tells the engine at once what has been acknowledged. */
  flush(nowMs: number): void {
    if (this.streaming) this.#acknowledgeNow(nowMs);
  }

  /** Time has passed. `listening`: bytes would have been read, had there been any. */
  tick(nowMs: number, listening: boolean): void {
    if (this.#state === 'idle' || this.#state === 'over') return;
    if (!listening) this.#heardAtMs = nowMs;
    if (nowMs - this.#heardAtMs > SILENCE_MS_MAX) {
      this.#fail(
        'CAPTURE_SILENT',
        `the engine has sent nothing for ${SILENCE_MS_MAX / 1000} s`,
        'Check that the engine answers and that the network between it and its replicator works.',
      );
      return;
    }
    if (this.streaming && nowMs - this.#ackedAtMs >= this.tickMs) this.#acknowledgeNow(nowMs);
  }

  #request(state: 'login' | 'port' | 'abilities' | 'filter' | 'sync'): void {
    this.#state = state;
    const { username, password, resume } = this.#options;
    const commands = {
      login: ['AUTH', username, password],
      // Nobody can connect to us: port 0 says so in the engine's list of replicas.
      port: ['REPLCONF', 'listening-port', '0'],
      abilities: ['REPLCONF', 'capa', 'eof', 'capa', 'psync2'],
      filter: ['REPLCONF', 'rdb-filter-only', ''],
      sync:
        resume === undefined
          ? ['PSYNC', '?', '-1']
          : ['PSYNC', resume.replicationId, String(resume.offset + 1)],
    };
    this.#output.send(encodeStrings(commands[state]));
  }

  /** Takes one line, if it is whole; what follows it is returned. */
  #takeLine(chunk: Buffer): Buffer | undefined {
    const end = chunk.indexOf(LF);
    const bytes = end < 0 ? chunk : chunk.subarray(0, end);
    const line = this.#cut.length === 0 ? bytes : Buffer.concat([this.#cut, bytes]);
    if (line.length > LINE_BYTES_MAX) {
      this.#failProtocol('an endless line');
      return undefined;
    }
    if (end < 0) {
      this.#cut = Buffer.from(line);
      return undefined;
    }
    this.#cut = NOTHING;
    const text = line.toString('latin1').replace(/\r$/, '');
    // While a snapshot is being prepared the engine keeps the connection alive with newlines.
    if (text !== '') this.#answer(text);
    return chunk.subarray(end + 1);
  }

  #answer(text: string): void {
    const state = this.#state;
    if (text.startsWith('-')) {
      this.#refused(text.slice(1));
    } else if (state === 'snapshot head') {
      this.#beginSnapshot(text);
    } else if (state === 'sync') {
      this.#synced(text);
    } else if (
      state === 'login' ||
      state === 'port' ||
      state === 'abilities' ||
      state === 'filter'
    ) {
      if (text === '+OK') this.#request(NEXT_AFTER[state]);
      else this.#failProtocol(text);
    } else {
      this.#failProtocol(text);
    }
  }

  #synced(text: string): void {
    const { resume } = this.#options;
    const full = /^\+FULLRESYNC ([0-9a-zA-Z]{40}) (\d{1,16})$/.exec(text);
    if (full !== null) {
      const [, replicationId = '', digits = ''] = full;
      const offset = Number(digits);
      if (resume !== undefined) {
        this.#state = 'over';
        const now = `it now offers ${replicationId} at ${offset}`;
        const wanted = `${resume.replicationId} from ${resume.offset}`;
        this.#output.lost(`the engine no longer has the stream ${wanted} on; ${now}`);
        return;
      }
      this.#startAt({ replicationId, offset });
      this.#state = 'snapshot head';
      return;
    }
    const continued = /^\+CONTINUE(?: ([0-9a-zA-Z]{40}))?$/.exec(text);
    if (continued === null || resume === undefined) {
      this.#failProtocol(text);
      return;
    }
    this.#startAt({
      replicationId: continued[1] ?? resume.replicationId,
      offset: resume.offset,
    });
    this.#heardStream = true;
    this.#state = 'stream';
  }

  #startAt(position: StreamPosition): void {
    this.#received = position.offset;
    this.#acknowledged = position.offset;
    this.#output.started(position);
  }

  #beginSnapshot(text: string): void {
    const size = /^\$(\d{1,15})$/.exec(text);
    if (text.startsWith('$EOF:') && text.length === 5 + END_MARK_BYTES) {
      this.#endMark = Buffer.from(text.slice(5), 'latin1');
      this.#state = 'snapshot';
    } else if (size !== null) {
      this.#snapshotLeft = Number(size[1]);
      this.#state = this.#snapshotLeft > 0 ? 'snapshot' : 'stream';
    } else {
      this.#failProtocol(text);
    }
  }

  /** Passes over the snapshot; what follows it is returned. */
  #skipSnapshot(chunk: Buffer): Buffer | undefined {
    if (this.#endMark === undefined) {
      const skipped = Math.min(this.#snapshotLeft, chunk.length);
      this.#snapshotLeft -= skipped;
      if (this.#snapshotLeft === 0) this.#state = 'stream';
      return chunk.subarray(skipped);
    }
    const bytes = this.#cut.length === 0 ? chunk : Buffer.concat([this.#cut, chunk]);
    const found = bytes.indexOf(this.#endMark);
    if (found < 0) {
      this.#cut = Buffer.from(bytes.subarray(Math.max(0, bytes.length - END_MARK_BYTES + 1)));
      return undefined;
    }
    this.#cut = NOTHING;
    this.#endMark = undefined;
    this.#state = 'stream';
    return bytes.subarray(found + END_MARK_BYTES);
  }

  #takeStream(chunk: Buffer, nowMs: number): void {
    this.#heardStream = true;
    const before = this.#received;
    this.#received += chunk.length;
    const askedAt = this.#findGetAck(chunk, before);
    this.#output.data(chunk);
    if (askedAt === 0 || !this.streaming) return;
    // What precedes the question may not have been taken in yet: then a second answer follows.
    this.#ackDueAt = this.#acknowledged >= askedAt ? 0 : askedAt;
    this.#acknowledgeNow(nowMs);
  }

  /**
   * The offset at which the last GETACK in the chunk ends, or 0. The bytes are searched for, not parsed:
   * a value that happens to hold them costs one acknowledgement too many.
   */
  #findGetAck(chunk: Buffer, before: number): number {
    const overlap = GETACK.length - 1;
    const seam = this.#seam;
    const head = Math.min(overlap, chunk.length);
    chunk.copy(seam, overlap, 0, head);
    const inSeam = seam.subarray(0, overlap + head).indexOf(GETACK);
    const inChunk = chunk.lastIndexOf(GETACK);
    // The end of everything so far becomes the beginning of the next seam.
    if (chunk.length >= overlap) chunk.copy(seam, 0, chunk.length - overlap);
    else seam.copyWithin(0, head, overlap + head);
    if (inChunk >= 0) return before + inChunk + GETACK.length + AFTER_GETACK_BYTES;
    if (inSeam >= 0) return before + inSeam - overlap + GETACK.length + AFTER_GETACK_BYTES;
    return 0;
  }

  #acknowledgeNow(nowMs: number): void {
    this.#ackedAtMs = nowMs;
    this.#output.send(encodeStrings(['REPLCONF', 'ACK', String(this.#acknowledged)]));
  }

  #refused(message: string): void {
    const said = `the engine answered: ${message}`;
    const word = message.split(' ', 1)[0] ?? '';
    if (word === 'WRONGPASS') {
      this.#fail(
        'CAPTURE_LOGIN_REFUSED',
        `the engine refused the replicator's user "${this.#options.username}"; ${said}`,
        "Give the replicator the password that stands in the engine's ACL file.",
      );
    } else if (word === 'NOPERM') {
      this.#fail(
        'CAPTURE_NOT_PERMITTED',
        `the user "${this.#options.username}" may not replicate; ${said}`,
        'Allow this user PSYNC and REPLCONF (+@all) on the engine.',
      );
    } else if (word === 'LOADING' || word === 'NOMASTERLINK' || word === 'BUSY') {
      this.#fail(
        'CAPTURE_NOT_READY',
        `the engine cannot serve its stream yet; ${said}`,
        'Nothing: this is tried again.',
      );
    } else if (this.#state === 'filter') {
      this.#fail(
        'CAPTURE_FILTER_UNSUPPORTED',
        `the engine cannot leave the data out of a snapshot; ${said}`,
        'Use redis-server 7.0 or newer, or valkey-server 7.2 or newer.',
      );
    } else {
      this.#fail(
        'CAPTURE_REFUSED',
        `the engine refused to be captured (at "${this.#state}"); ${said}`,
        "Check the engine's settings and log.",
      );
    }
  }

  #failProtocol(text: string): void {
    this.#fail(
      'CAPTURE_PROTOCOL',
      `not what an engine answers (at "${this.#state}"): ${JSON.stringify(text.slice(0, 80))}`,
      'Check that the configured host and port are those of a Redis or Valkey server.',
    );
  }

  #fail(code: string, message: string, action: string): void {
    this.#state = 'over';
    this.#output.failed(new OperatorError(code, message, action));
  }
}
