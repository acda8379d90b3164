// Follows what an engine sends to a replica, and says how much of it may pass: everything of the
// handshake and of the snapshot, but the stream behind it only up to a limit.
//
//   state      input                       next
//   answers    +FULLRESYNC id offset       head
//   answers    +CONTINUE [id]              stream, from the offset that was asked for
//   answers    any other line              answers
//   head       $<bytes> or $EOF:<mark>     snapshot
//   snapshot   its last byte               stream
//
// Newlines that stand alone keep the connection alive while a snapshot is made; they are no lines.
// Guarantee: of the stream exactly the bytes up to the limit pass, however the input is cut. Bytes in,
// counts out: no socket and no clock. Nothing but a cut line or the end of a snapshot is copied.

import { CorruptInput } from '../../base/errors.ts';

const LF = 10;
const END_MARK_BYTES = 40;
/** `-ERR ...` and the like; an engine that sends more without a line end is no engine. */
const LINE_BYTES_MAX = 64 * 1024;
const NOTHING = Buffer.alloc(0);

export class SyncGate {
  #state: 'answers' | 'head' | 'snapshot' | 'stream' = 'answers';
  /** A line, or the end of a snapshot, that is cut. */
  #cut: Buffer = NOTHING;
  #endMark: Buffer | undefined;
  #snapshotLeft = 0;
  #asked = 0;
  #position = 0;
  #fullSyncs = 0;
  #totalBytes: number | null = null;

  /** Whether an engine sent a snapshot, or will. */
  get phase(): 'waiting' | 'snapshot' | 'stream' {
    if (this.#state === 'stream') return 'stream';
    return this.#state === 'snapshot' ? 'snapshot' : 'waiting';
  }

  /** The offset up to which the replica has been given the stream, be it by a snapshot under way. */
  get position(): number {
    return this.#position;
  }

  /** How many full resyncs there were. */
  get fullSyncs(): number {
    return this.#fullSyncs;
  }

  /** Of the snapshot; null when its length is not known beforehand. */
  get totalBytes(): number | null {
    return this.#totalBytes;
  }

  /** The replica asks for the stream from the byte at `offset` on, the first being 1. */
  asked(offset: number): void {
    this.#asked = offset;
  }

  /**
   * How many bytes of `chunk`, from its start, may pass now; what did not must come again, first. No more
   * than up to where a snapshot begins or ends: all of them belong to `phase`, as it was before.
   * `limit` is an offset in the stream. Throws CorruptInput when no engine would say this.
   */
  pass(chunk: Buffer, limit: number): number {
    let at = 0;
    const isSnapshot = this.#state === 'snapshot';
    while (at < chunk.length && (this.#state === 'snapshot') === isSnapshot) {
      if (this.#state === 'stream') {
        const passing = Math.min(chunk.length - at, Math.max(0, limit - this.#position));
        this.#position += passing;
        return at + passing;
      }
      at += this.#state === 'snapshot' ? this.#snapshot(chunk, at) : this.#line(chunk, at);
    }
    return at;
  }

  /** Takes a line, or the part of it that is there, and says how many bytes that was. */
  #line(chunk: Buffer, at: number): number {
    const end = chunk.indexOf(LF, at);
    const bytes = chunk.subarray(at, end < 0 ? chunk.length : end);
    const line = this.#cut.length === 0 ? bytes : Buffer.concat([this.#cut, bytes]);
    if (line.length > LINE_BYTES_MAX) throw new CorruptInput('an engine answers an endless line');
    if (end < 0) {
      this.#cut = Buffer.from(line);
      return bytes.length;
    }
    this.#cut = NOTHING;
    const text = line.latin1Slice().replace(/\r$/, '');
    if (text !== '') {
      if (this.#state === 'head') this.#head(text);
      else this.#answer(text);
    }
    return bytes.length + 1;
  }

  #answer(text: string): void {
    const full = /^\+FULLRESYNC [0-9a-zA-Z]{40} (\d{1,16})$/.exec(text);
    if (full !== null) {
      this.#fullSyncs++;
      this.#position = Number(full[1]);
      this.#state = 'head';
    } else if (/^\+CONTINUE( [0-9a-zA-Z]{40})?$/.test(text)) {
      if (this.#asked < 1) throw new CorruptInput('an engine continues what nobody asked for');
      this.#position = this.#asked - 1;
      this.#state = 'stream';
    } else if (!/^[+-]/.test(text)) {
      throw new CorruptInput(`not what an engine answers: ${JSON.stringify(text.slice(0, 80))}`);
    }
  }

  #head(text: string): void {
    const size = /^\$(\d{1,15})$/.exec(text);
    if (text.startsWith('$EOF:') && text.length === 5 + END_MARK_BYTES) {
      this.#endMark = Buffer.from(text.slice(5), 'latin1');
    } else if (size !== null) {
      this.#endMark = undefined;
      this.#snapshotLeft = Number(size[1]);
    } else {
      throw new CorruptInput(`no snapshot begins with ${JSON.stringify(text.slice(0, 80))}`);
    }
    this.#totalBytes = this.#endMark === undefined ? this.#snapshotLeft : null;
    this.#state = this.#totalBytes === 0 ? 'stream' : 'snapshot';
  }

  /** Takes what belongs to the snapshot, and says how many bytes that was. */
  #snapshot(chunk: Buffer, at: number): number {
    if (this.#endMark === undefined) {
      const taken = Math.min(this.#snapshotLeft, chunk.length - at);
      this.#snapshotLeft -= taken;
      if (this.#snapshotLeft === 0) this.#state = 'stream';
      return taken;
    }
    // A mark that began in earlier chunks shows where they meet.
    const before = this.#cut.length;
    if (before > 0) {
      const seam = Buffer.concat([this.#cut, chunk.subarray(at, at + END_MARK_BYTES - 1)]);
      const found = seam.indexOf(this.#endMark);
      if (found >= 0) return this.#endSnapshot(found + END_MARK_BYTES - before);
    }
    const found = chunk.indexOf(this.#endMark, at);
    if (found >= 0) return this.#endSnapshot(found + END_MARK_BYTES - at);
    this.#keepEnd(chunk.subarray(at));
    return chunk.length - at;
  }

  #endSnapshot(taken: number): number {
    this.#cut = NOTHING;
    this.#endMark = undefined;
    this.#state = 'stream';
    return taken;
  }

  /** Keeps the last bytes, in which a mark may have begun. */
  #keepEnd(bytes: Buffer): void {
    const kept = END_MARK_BYTES - 1;
    if (bytes.length >= kept) this.#cut = Buffer.from(bytes.subarray(bytes.length - kept));
    else {
      const joined = Buffer.concat([this.#cut, bytes]);
      this.#cut = joined.subarray(Math.max(0, joined.length - kept));
    }
  }
}
