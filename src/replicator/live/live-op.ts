// An op that some member has not confirmed yet, or that is about to be applied. It has a place in the buffer of
// its frame, until it is kept longer than that; its arguments are decoded only when a conflict asks for them.

import type { Timestamp } from '../../model/clock.ts';
import { OpFlag, OpKind, type Stamp } from '../../model/op.ts';
import type { Slot, VersionVector } from '../../model/version-vector.ts';
import { decodeArguments } from '../../resp/decode.ts';

const DIGIT_THREE = 51;
const DIGIT_FOUR = 52;
const DIGIT_FIVE = 53;

export class LiveOp implements Stamp {
  readonly origin: Slot;
  readonly seq: number;
  readonly timestamp: Timestamp;
  readonly deps: VersionVector;
  readonly kind: OpKind;
  flags: number;
  /** Latin1; empty for messages. */
  readonly key: string;
  rawAt: number;
  rawEnd: number;
  /** Where the command is, from `rawAt` on; undefined: in `#text`. */
  #buffer: Buffer | undefined;
  /** The command in latin1. A string is half as large as a small buffer. */
  #text = '';

  constructor(
    origin: Slot,
    seq: number,
    timestamp: Timestamp,
    deps: VersionVector,
    kind: OpKind,
    flags: number,
    key: string,
    buffer: Buffer,
    rawAt: number,
    rawEnd: number,
  ) {
    this.origin = origin;
    this.seq = seq;
    this.timestamp = timestamp;
    this.deps = deps;
    this.kind = kind;
    this.flags = flags;
    this.key = key;
    this.#buffer = buffer;
    this.rawAt = rawAt;
    this.rawEnd = rawEnd;
  }

  /** Has its command, and no frame with it. */
  get isDetached(): boolean {
    return this.#buffer === undefined;
  }

  /** The command is there from `rawAt` up to `rawEnd`. */
  get buffer(): Buffer {
    return this.#buffer ?? Buffer.from(this.#text, 'latin1');
  }

  get endsUnit(): boolean {
    return (this.flags & OpFlag.endOfUnit) !== 0;
  }

  get isReplaced(): boolean {
    return (this.flags & OpFlag.replaced) !== 0;
  }

  /** Its value is known only where it ran. */
  get isUnknown(): boolean {
    return this.kind === OpKind.opaque || (this.flags & OpFlag.onOpaque) !== 0;
  }

  /** Of a SET: it has no KEEPTTL, so it replaces the expiry too. (KEEPTTL makes four arguments.) */
  get isPlainSet(): boolean {
    return this.buffer[this.rawAt + 1] !== DIGIT_FOUR;
  }

  /** Of a SET: it has PXAT. */
  get setsItsExpiry(): boolean {
    return this.kind === OpKind.set && this.buffer[this.rawAt + 1] === DIGIT_FIVE;
  }

  /** Of a DEL: it says how long the list was. (DEL with a length makes three arguments.) */
  get removesList(): boolean {
    return this.kind === OpKind.del && this.buffer[this.rawAt + 1] === DIGIT_THREE;
  }

  /** Name of its command. */
  get command(): string {
    const [name = ''] = decodeArguments(this.buffer, this.rawAt, this.rawEnd, 1);
    return name.toUpperCase();
  }

  /** Takes its command out of the buffer of its frame, which it would keep in memory. Its flags are set in the
   * frame no more: of an own op, call this when it is in the log. */
  detach(): void {
    if (this.#buffer === undefined) return;
    this.#text = this.#buffer.latin1Slice(this.rawAt, this.rawEnd);
    this.#buffer = undefined;
    this.rawEnd -= this.rawAt;
    this.rawAt = 0;
  }

  /** Size of its command. */
  get bytes(): number {
    return this.rawEnd - this.rawAt;
  }

  /** The command's arguments, the name first. */
  args(): string[] {
    return decodeArguments(this.buffer, this.rawAt, this.rawEnd);
  }
}
