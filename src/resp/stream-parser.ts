// Cuts the replication stream into commands. Bytes come in as they left the socket, cut anywhere; a
// command that lies inside one chunk is handed out as offsets into that chunk, without a copy and
// without an allocation. Only a command that is cut is joined, in a buffer kept for that purpose, and
// each of its bytes is copied once, however many chunks it takes.
//
// Guarantees: every byte is counted exactly once; anything but arrays of bulk strings (and the bare
// newlines with which an engine keeps a connection alive) throws CorruptInput and goes on throwing.

import { assert } from '../base/assert.ts';
import { CorruptInput } from '../base/errors.ts';
import type { Command } from './command.ts';

const CR = 13;
const LF = 10;
const STAR = 42;
const DOLLAR = 36;
const ZERO = 48;

export const ARGUMENTS_MAX = 16 * 1024 * 1024;

/** The engine's default for one value is 512 MiB; a serialized value may need a little more. */
export const BULK_BYTES_MAX = 512 * 1024 * 1024 + 64 * 1024;

/** Offsets are 32-bit integers. */
const COMMAND_BYTES_MAX = 2 ** 31 - 1;

/** No length that is allowed has more digits. */
const LENGTH_DIGITS_MAX = 10;

/** `$0\r\n\r\n`: no argument takes fewer bytes. */
const ARGUMENT_BYTES_MIN = 6;

const JOINT_BYTES = 64 * 1024;

/** A joint that grew beyond this for one huge command is let go after it. */
const JOINT_BYTES_KEPT = 1024 * 1024;

const NOTHING = Buffer.alloc(0);

/** An incremental parser of the stream that an engine sends to its replicas. */
export class StreamParser {
  #chunk: Buffer = NOTHING;
  #at = 0;
  /** Chunks that were fed while an earlier one was not used up. */
  #queue: Buffer[] = [];
  #consumed: number;
  /** A carriage return ended the last chunk: a newline must follow. */
  #newlineDue = false;

  // A cut command: `#joint[0, #jointLength)` is what there is of it.
  #joint: Buffer = Buffer.allocUnsafe(JOINT_BYTES);
  #jointLength = 0;
  /** Up to here its arguments are complete. */
  #scanned = 0;
  /** Arguments still to come; -1 while the count is not known. */
  #argumentsLeft = -1;
  /** The command has at least this many bytes; exactly this many once `#argumentsLeft` is 0. */
  #jointNeeded = 1;

  /** `offset`: where in the replication stream the first byte fed will stand. */
  constructor(offset = 0) {
    this.#consumed = offset;
  }

  /** The replication offset at which the last command that next() returned ends. */
  get consumed(): number {
    return this.#consumed;
  }

  /**
   * Takes the next bytes of the stream. The chunk must not change until next() has returned false: by
   * then all that is still needed of it has been copied.
   */
  feed(chunk: Buffer): void {
    if (chunk.length === 0) return;
    if (this.#at === this.#chunk.length && this.#queue.length === 0) {
      this.#chunk = chunk;
      this.#at = 0;
    } else {
      this.#queue.push(chunk);
    }
  }

  /** Fills `command`, valid until the next call of next() or feed(); false when it has to be fed. */
  next(command: Command): boolean {
    for (;;) {
      if (this.#jointLength > 0) {
        if (this.#fillJoint()) {
          this.#takeJoint(command);
          return true;
        }
      } else if (this.#skipNewlines()) {
        const chunk = this.#chunk;
        const start = this.#at;
        if (parseCommand(chunk, start, chunk.length, command)) {
          this.#at = command.end;
          this.#consumed += command.end - start;
          return true;
        }
        this.#beginJoint();
        continue;
      }
      if (!this.#takeChunk()) return false;
    }
  }

  /**
   * Passes `bytes`, whole commands, if they are what comes next and all of them are here. False says
   * nothing about what comes next.
   */
  pass(bytes: Buffer): boolean {
    const { length } = bytes;
    const at = this.#at;
    if (this.#jointLength > 0 || this.#newlineDue) return false;
    if (length === 0 || at + length > this.#chunk.length) return false;
    if (this.#chunk.compare(bytes, 0, length, at, at + length) !== 0) return false;
    this.#at = at + length;
    this.#consumed += length;
    return true;
  }

  #takeChunk(): boolean {
    const chunk = this.#queue.shift();
    // Without one the used-up chunk is let go, so that idling holds no memory.
    this.#chunk = chunk ?? NOTHING;
    this.#at = 0;
    return chunk !== undefined;
  }

  /** True when the next byte is not a newline between commands. */
  #skipNewlines(): boolean {
    const chunk = this.#chunk;
    while (this.#at < chunk.length) {
      const byte = chunk[this.#at] as number;
      if (byte === LF) this.#newlineDue = false;
      else if (this.#newlineDue)
        throw corrupt('a carriage return without newline', chunk, this.#at);
      else if (byte === CR) this.#newlineDue = true;
      else return true;
      this.#at++;
      this.#consumed++;
    }
    return false;
  }

  #beginJoint(): void {
    if (this.#joint.length > JOINT_BYTES_KEPT) this.#joint = Buffer.allocUnsafe(JOINT_BYTES);
    this.#scanned = 0;
    this.#argumentsLeft = -1;
    this.#appendToJoint(this.#chunk.length - this.#at);
  }

  #appendToJoint(length: number): void {
    const total = this.#jointLength + length;
    // Room for all that is known to come: a huge value is never moved a second time.
    const wanted = Math.max(total, this.#jointNeeded);
    if (wanted > this.#joint.length) {
      const grown = Buffer.allocUnsafe(Math.max(wanted, this.#joint.length * 2));
      this.#joint.copy(grown, 0, 0, this.#jointLength);
      this.#joint = grown;
    }
    this.#chunk.copy(this.#joint, this.#jointLength, this.#at, this.#at + length);
    this.#jointLength = total;
    this.#at += length;
  }

  /** True once the joint holds the whole command and nothing behind it. */
  #fillJoint(): boolean {
    for (;;) {
      this.#scanJoint();
      const missing = this.#jointNeeded - this.#jointLength;
      if (missing === 0) return true;
      const available = this.#chunk.length - this.#at;
      if (available === 0) return false;
      this.#appendToJoint(Math.min(missing, available));
    }
  }

  /** Goes over the arguments that are complete and sets the least length the command can have. */
  #scanJoint(): void {
    const joint = this.#joint;
    const end = this.#jointLength;
    if (this.#argumentsLeft < 0) {
      const lineEnd = findLineEnd(joint, 0, end);
      if (lineEnd < 0) {
        this.#jointNeeded = end + 1;
        return;
      }
      this.#argumentsLeft = readLength(joint, 0, lineEnd, STAR);
      this.#scanned = lineEnd + 2;
    }
    while (this.#argumentsLeft > 0) {
      const lineEnd = findLineEnd(joint, this.#scanned, end);
      if (lineEnd < 0) {
        const least = this.#scanned + this.#argumentsLeft * ARGUMENT_BYTES_MIN;
        this.#jointNeeded = Math.max(end + 1, least);
        return;
      }
      const length = readLength(joint, this.#scanned, lineEnd, DOLLAR);
      const argumentEnd = lineEnd + 2 + length + 2;
      if (argumentEnd > COMMAND_BYTES_MAX) throw new CorruptInput('a command of more than 2 GiB');
      if (argumentEnd > end) {
        this.#jointNeeded = argumentEnd + (this.#argumentsLeft - 1) * ARGUMENT_BYTES_MIN;
        return;
      }
      this.#scanned = argumentEnd;
      this.#argumentsLeft--;
    }
    this.#jointNeeded = this.#scanned;
  }

  #takeJoint(command: Command): void {
    const length = this.#jointLength;
    const whole = parseCommand(this.#joint, 0, length, command);
    assert(whole && command.end === length, 'a joined command is complete');
    this.#jointLength = 0;
    this.#jointNeeded = 1;
    this.#consumed += length;
  }
}

/** Locates the command at `start`; false when `end` comes first. */
function parseCommand(buffer: Buffer, start: number, end: number, command: Command): boolean {
  let at = start;
  if (buffer[at] !== STAR) throw corrupt('a byte that begins no command', buffer, at);
  let count = 0;
  let digits = ++at;
  let byte = 0;
  for (; at < end; at++) {
    byte = (buffer[at] as number) - ZERO;
    if (byte < 0 || byte > 9) break;
    count = count * 10 + byte;
  }
  if (at + 2 > end) return unfinishedLength(buffer, digits, at, end, ARGUMENTS_MAX);
  checkLength(buffer, digits, at, count, 1, ARGUMENTS_MAX);
  at += 2;
  if (count > command.argStart.length) {
    // A count that cannot be true here must not take memory: the command is cut anyway.
    if (count * ARGUMENT_BYTES_MIN > end - at) return false;
    command.reserve(count);
  }
  const starts = command.argStart;
  const ends = command.argEnd;
  for (let i = 0; i < count; i++) {
    if (at >= end) return false;
    if (buffer[at] !== DOLLAR) throw corrupt('an argument that is not a bulk string', buffer, at);
    let length = 0;
    digits = ++at;
    for (; at < end; at++) {
      byte = (buffer[at] as number) - ZERO;
      if (byte < 0 || byte > 9) break;
      length = length * 10 + byte;
    }
    if (at + 2 > end) return unfinishedLength(buffer, digits, at, end, BULK_BYTES_MAX);
    checkLength(buffer, digits, at, length, 0, BULK_BYTES_MAX);
    at += 2;
    starts[i] = at;
    at += length;
    ends[i] = at;
    if (at + 2 > end) return false;
    if (buffer[at] !== CR || buffer[at + 1] !== LF) {
      throw corrupt('a bulk string that does not end where its length says', buffer, at);
    }
    at += 2;
  }
  command.buffer = buffer;
  command.start = start;
  command.end = at;
  command.argc = count;
  return true;
}

/** Checks a length whose digits are `[start, at)` and whose line end is in the buffer. */
function checkLength(
  buffer: Buffer,
  start: number,
  at: number,
  value: number,
  min: number,
  max: number,
): void {
  if (
    buffer[at] !== CR ||
    buffer[at + 1] !== LF ||
    at === start ||
    at - start > LENGTH_DIGITS_MAX
  ) {
    throw corrupt('a malformed length', buffer, start - 1);
  }
  if (value < min || value > max) throw corrupt('a length out of bounds', buffer, start - 1);
}

/** A length whose line is cut: no error can be seen yet, unless it has one already. */
function unfinishedLength(
  buffer: Buffer,
  start: number,
  at: number,
  end: number,
  max: number,
): false {
  const terminated = at < end;
  const fine = !terminated || (buffer[at] === CR && at > start);
  if (!fine || at - start > LENGTH_DIGITS_MAX) {
    throw corrupt('a malformed length', buffer, start - 1);
  }
  if (Number(buffer.toString('latin1', start, at)) > max) {
    throw corrupt('a length out of bounds', buffer, start - 1);
  }
  return false;
}

/** Where the carriage return stands that ends the line, or -1 when the line is cut. */
function findLineEnd(buffer: Buffer, start: number, end: number): number {
  const lineBytesMax = LENGTH_DIGITS_MAX + 3;
  const limit = Math.min(end, start + lineBytesMax);
  for (let at = start; at + 1 < limit; at++) {
    if (buffer[at] === CR) return at;
  }
  if (end - start >= lineBytesMax) throw corrupt('a malformed length', buffer, start);
  return -1;
}

/** Reads `<mark><digits>\r\n`, checked; `lineEnd` is where the carriage return stands. */
function readLength(buffer: Buffer, start: number, lineEnd: number, mark: number): number {
  if (buffer[start] !== mark) throw corrupt('an unexpected byte', buffer, start);
  let value = 0;
  for (let at = start + 1; at < lineEnd; at++) {
    const digit = (buffer[at] as number) - ZERO;
    if (digit < 0 || digit > 9) throw corrupt('a malformed length', buffer, start);
    value = value * 10 + digit;
  }
  const isCount = mark === STAR;
  const max = isCount ? ARGUMENTS_MAX : BULK_BYTES_MAX;
  checkLength(buffer, start + 1, lineEnd, value, isCount ? 1 : 0, max);
  return value;
}

/** Says what was met and shows the bytes there. */
function corrupt(what: string, buffer: Buffer, at: number): CorruptInput {
  const shown = JSON.stringify(buffer.toString('latin1', at, Math.min(buffer.length, at + 32)));
  return new CorruptInput(`the replication stream holds ${what}: ${shown}`);
}
