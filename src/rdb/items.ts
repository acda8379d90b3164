// Reads an RDB file while it comes in: each key with its expiry and its value, in the form in which an engine takes
// it by RESTORE, and libraries of functions. Nothing but the value under way is held in memory.
//
// Guarantee: `end` returns only when the file was whole and its checksum right. What is no RDB file, or one that
// cannot be restored, is a CorruptInput that says why, as soon as it is seen.

import { CorruptInput } from '../base/errors.ts';
import { Crc64 } from './crc64.ts';
import { RdbPart, RdbSplitter } from './splitter.ts';
import { decodeLength, decodeString } from './string.ts';
import { END_OF_FILE } from './structures.ts';

const MAGIC_BYTES = 9;
const CHECKSUM_BYTES = 8;
const FOOTER_BYTES = 10;
const VERSION_MIN = 5;
/** What an engine takes in one argument. */
export const VALUE_BYTES_MAX = 512 * 1024 * 1024;

const OPCODE = { library: 245, expiresMs: 252, expiresS: 253, database: 254 } as const;

export interface RdbKey {
  readonly kind: 'key';
  readonly key: Buffer;
  /** null: it stays. */
  readonly expiresAtMs: number | null;
  /** As RESTORE takes it. */
  readonly payload: () => Buffer;
}

export interface RdbLibrary {
  readonly kind: 'library';
  readonly code: Buffer;
}

export type RdbItem = RdbKey | RdbLibrary;

export interface RdbFormat {
  readonly magic: 'REDIS' | 'VALKEY';
  readonly version: number;
}

export class RdbItems {
  readonly #splitter = new RdbSplitter();
  readonly #crc = new Crc64();
  /** The last bytes, which may be the checksum, and none of what it is made of. */
  #tail: Buffer = Buffer.alloc(0);
  /** The part under way, as far as earlier chunks had it. */
  #pieces: Buffer[] = [];
  #pieceBytes = 0;
  #format: RdbFormat | undefined;
  #expiresAtMs: number | null = null;
  #database = 0;
  #isWhole = false;

  /** undefined: it has not begun. */
  get format(): RdbFormat | undefined {
    return this.#format;
  }

  /** What the next bytes of the file bring. Throws CorruptInput. */
  *take(chunk: Buffer): Generator<RdbItem> {
    if (this.#isWhole) return;
    const splitter = this.#splitter;
    splitter.feed(chunk);
    let from = 0;
    while (!this.#isWhole) {
      const part = splitter.next();
      const end = splitter.at;
      if (splitter.reason !== undefined) throw new CorruptInput(splitter.reason);
      const isOpen = part === RdbPart.none || part === RdbPart.head || part === RdbPart.element;
      if (isOpen && part !== RdbPart.none) continue;
      const bytes = this.#gathered(chunk.subarray(from, end), isOpen);
      from = end;
      if (bytes === null) break;
      const item = part === RdbPart.field ? this.#field(bytes) : this.#key(bytes);
      if (item !== null) yield item;
    }
    this.#sum(chunk.subarray(0, from));
    if (this.#isWhole) this.#checkSum();
  }

  /** The file has ended. Throws CorruptInput when it is not whole. */
  end(): void {
    if (!this.#isWhole) throw new CorruptInput('it ends before its end');
  }

  /** The part as a whole; null: there is more to come. */
  #gathered(bytes: Buffer, isOpen: boolean): Buffer | null {
    if (bytes.length > 0 && (isOpen || this.#pieces.length > 0)) this.#pieces.push(bytes);
    if (isOpen) {
      this.#pieceBytes += bytes.length;
      if (this.#pieceBytes > VALUE_BYTES_MAX) {
        throw new CorruptInput('a value is longer than 512 MiB, which no engine takes at once');
      }
      return null;
    }
    if (this.#pieces.length === 0) return bytes;
    const whole = Buffer.concat(this.#pieces);
    this.#pieces = [];
    this.#pieceBytes = 0;
    return whole;
  }

  #field(bytes: Buffer): RdbItem | null {
    if (this.#format === undefined) {
      this.#format = formatOf(bytes);
      return null;
    }
    switch (bytes[0]) {
      case END_OF_FILE:
        this.#isWhole = true;
        return null;
      case OPCODE.expiresMs:
        this.#expiresAtMs = Number(bytes.readBigInt64LE(1));
        return null;
      case OPCODE.expiresS:
        this.#expiresAtMs = bytes.readInt32LE(1) * 1000;
        return null;
      case OPCODE.database:
        this.#database = decodeLength(bytes, 1).length;
        return null;
      case OPCODE.library:
        return { kind: 'library', code: decodeString(bytes, 1, VALUE_BYTES_MAX).value };
      default:
        return null;
    }
  }

  #key(bytes: Buffer): RdbKey {
    const { value: key, end } = decodeString(bytes, 1, VALUE_BYTES_MAX);
    if (this.#database !== 0) {
      throw new CorruptInput(`it has keys in database ${this.#database}, and caches have only 0`);
    }
    const expiresAtMs = this.#expiresAtMs;
    this.#expiresAtMs = null;
    const version = this.#format?.version ?? 0;
    const payload = (): Buffer => restorable(bytes[0] ?? 0, bytes.subarray(end), version);
    return { kind: 'key', key, expiresAtMs, payload };
  }

  #sum(bytes: Buffer): void {
    const all = this.#tail.length === 0 ? bytes : Buffer.concat([this.#tail, bytes]);
    const summed = Math.max(0, all.length - CHECKSUM_BYTES);
    this.#crc.update(all.subarray(0, summed));
    this.#tail = Buffer.from(all.subarray(summed));
  }

  #checkSum(): void {
    // An engine that was told to make no checksum writes none.
    if (this.#tail.every((byte) => byte === 0) || this.#crc.equals(this.#tail)) return;
    throw new CorruptInput('its checksum is wrong: it was changed or damaged');
  }
}

function formatOf(bytes: Buffer): RdbFormat {
  const text = bytes.latin1Slice(0, MAGIC_BYTES);
  const magic = text.startsWith('VALKEY') ? 'VALKEY' : 'REDIS';
  const version = Number(text.slice(magic.length));
  if (version < VERSION_MIN) throw new CorruptInput(`version ${version} is too old`);
  return { magic, version };
}

function restorable(type: number, value: Buffer, version: number): Buffer {
  const payload = Buffer.allocUnsafe(1 + value.length + FOOTER_BYTES);
  payload[0] = type;
  value.copy(payload, 1);
  const footer = payload.length - FOOTER_BYTES;
  payload.writeUInt16LE(version, footer);
  const checksum = footer + 2;
  new Crc64().update(payload.subarray(0, checksum)).write(payload, checksum);
  return payload;
}
