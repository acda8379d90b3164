// Strings as bitmaps: SETBIT, GETBIT, BITCOUNT, BITPOS, BITOP. Bit 0 is the highest bit of the first byte. BITFIELD
// is in bitfields.ts.

import { at, type CommandTable } from './command-table.ts';
import type { Keyspace } from './keyspace.ts';
import { indexArgument, parseInt64 } from './numbers.ts';
import { integer, type ModelReply, ONE, Refusal, SYNTAX_ERROR, ZERO } from './reply.ts';

const STRING_BYTES_MAX = 512 * 1024 * 1024;
const INVALID_BIT = new Refusal('ERR bit is not an integer or out of range');
const INVALID_OFFSET = new Refusal('ERR bit offset is not an integer or out of range');

/** The bit offset that `text` is; `#n` is the n-th field of `width` bits, where a width is given. */
export function bitOffset(text: string, width = 0): number {
  const counted = width > 0 && text.startsWith('#');
  const given = parseInt64(counted ? text.slice(1) : text);
  if (given === undefined) throw INVALID_OFFSET;
  const offset = BigInt.asIntN(64, BigInt(given) * BigInt(counted ? width : 1));
  if (offset < 0n || offset >> 3n >= STRING_BYTES_MAX) throw INVALID_OFFSET;
  return Number(offset);
}

/** The bytes of the string at `key`, made long enough for `lastBit`. Nothing is stored yet. */
export function bytesFor(
  space: Keyspace,
  key: string,
  lastBit: number,
): { bytes: Buffer; grown: boolean } {
  const text = space.findString(key)?.text;
  const length = Math.max(text?.length ?? 0, Math.floor(lastBit / 8) + 1);
  const bytes = Buffer.alloc(length);
  bytes.write(text ?? '', 'latin1');
  return { bytes, grown: length !== text?.length };
}

/** Stores bytes as the string at `key`, whose expiry stays. */
export function storeBytes(space: Keyspace, key: string, bytes: Buffer): void {
  const text = bytes.latin1Slice();
  const value = space.findString(key);
  if (value === undefined) space.put(key, { type: 'string', text });
  else value.text = text;
}

function bitOf(byte: number, offset: number): 0 | 1 {
  return (byte >> (7 - (offset % 8))) & 1 ? 1 : 0;
}

function textBit(text: string, offset: number): 0 | 1 {
  const index = Math.floor(offset / 8);
  return index < text.length ? bitOf(text.charCodeAt(index), offset) : 0;
}

/** The offsets of the bits that are set. */
export function bitsIn(text: string): number[] {
  return Array.from({ length: text.length * 8 }, (_, offset) => offset).filter(
    (offset) => textBit(text, offset) === 1,
  );
}

function setBit(space: Keyspace, args: readonly string[]): ModelReply {
  const key = at(args, 1);
  const offset = bitOffset(at(args, 2));
  const bit = parseInt64(at(args, 3));
  if (bit !== 0 && bit !== 1) throw INVALID_BIT;
  const { bytes, grown } = bytesFor(space, key, offset);
  const index = Math.floor(offset / 8);
  const byte = bytes[index] as number;
  const former = bitOf(byte, offset);
  if (!grown && former === bit) return integer(former);
  bytes[index] = byte ^ ((former ^ bit) << (7 - (offset % 8)));
  storeBytes(space, key, bytes);
  space.changed(key);
  return integer(former);
}

function getBit(space: Keyspace, args: readonly string[]): ModelReply {
  const offset = bitOffset(at(args, 2));
  return textBit(space.findString(at(args, 1))?.text ?? '', offset) === 1 ? ONE : ZERO;
}

function unitArgument(text: string): number {
  const word = text.toUpperCase();
  if (word === 'BIT') return 1;
  if (word === 'BYTE') return 8;
  throw SYNTAX_ERROR;
}

/** The bits from `start` to `end`, counted in units of `unitBits`; negative positions count from the end. */
function bitRange(start: number, end: number, unitBits: number, bytes: number) {
  const units = (bytes * 8) / unitBits;
  const from = Math.max(0, start < 0 ? units + start : start);
  const to = Math.min(units - 1, Math.max(0, end < 0 ? units + end : end));
  return { from: from * unitBits, to: (to + 1) * unitBits };
}

function countBits(space: Keyspace, args: readonly string[]): ModelReply {
  const text = space.findString(at(args, 1))?.text;
  if (text === undefined) return ZERO;
  let range = { from: 0, to: text.length * 8 };
  if (args.length === 4 || args.length === 5) {
    const start = indexArgument(at(args, 2));
    const end = indexArgument(at(args, 3));
    // Before the unit is looked at.
    if (start < 0 && end < 0 && start > end) return ZERO;
    const unit = args.length === 5 ? unitArgument(at(args, 4)) : 8;
    range = bitRange(start, end, unit, text.length);
  } else if (args.length !== 2) {
    throw SYNTAX_ERROR;
  }
  let count = 0;
  for (let offset = range.from; offset < range.to; offset++) count += textBit(text, offset);
  return integer(count);
}

function findBit(space: Keyspace, args: readonly string[]): ModelReply {
  const bit = indexArgument(at(args, 2));
  if (bit !== 0 && bit !== 1) throw new Refusal('ERR The bit argument must be 1 or 0.');
  const text = space.findString(at(args, 1))?.text;
  if (text === undefined) return integer(bit === 1 ? -1 : 0);
  if (args.length > 6) throw SYNTAX_ERROR;
  const start = args.length > 3 ? indexArgument(at(args, 3)) : 0;
  const unit = args.length === 6 ? unitArgument(at(args, 5)) : 8;
  const end = args.length > 4 ? indexArgument(at(args, 4)) : -1;
  const { from, to } = bitRange(start, end, unit, text.length);
  if (from >= to) return integer(-1);
  for (let offset = from; offset < to; offset++) {
    if (textBit(text, offset) === bit) return integer(offset);
  }
  // Without an end, zeros follow the string.
  return integer(bit === 0 && args.length < 5 ? to : -1);
}

type Combine = (a: number, b: number) => number;

const OPERATIONS: Readonly<Record<string, Combine>> = {
  AND: (a, b) => a & b,
  OR: (a, b) => a | b,
  XOR: (a, b) => a ^ b,
  NOT: (a) => a ^ 0xff,
};

function combineStrings(space: Keyspace, args: readonly string[]): ModelReply {
  const [, name = '', target = '', ...keys] = args;
  const combine = OPERATIONS[name.toUpperCase()];
  if (combine === undefined) throw SYNTAX_ERROR;
  const inverts = combine === OPERATIONS.NOT;
  if (inverts && keys.length !== 1) {
    throw new Refusal('ERR BITOP NOT must be called with a single source key.');
  }
  const sources = keys.map((key) => space.findString(key)?.text ?? '');
  const length = Math.max(...sources.map((source) => source.length));
  if (length === 0) {
    if (space.remove(target)) space.changed(target);
    return ZERO;
  }
  const result = Buffer.alloc(length);
  const byteOf = (source: string, i: number) => (i < source.length ? source.charCodeAt(i) : 0);
  for (let i = 0; i < length; i++) {
    const bytes = sources.map((source) => byteOf(source, i));
    result[i] = inverts ? combine(bytes[0] as number, 0) : bytes.reduce(combine);
  }
  space.assign(target, { type: 'string', text: result.latin1Slice() });
  space.dirty++;
  return integer(length);
}

export const BITMAP_COMMANDS: CommandTable = {
  SETBIT: [4, setBit],
  GETBIT: [3, getBit],
  BITCOUNT: [-2, countBits],
  BITPOS: [-3, findBit],
  BITOP: [-4, combineStrings],
};
