// BITFIELD and BITFIELD_RO: integers of 1 to 64 bits at any place of a string.

import { bitOffset, bytesFor, storeBytes } from './bitmaps.ts';
import { at, type CommandTable } from './command-table.ts';
import type { Keyspace } from './keyspace.ts';
import { integerArgument, parseInt64 } from './numbers.ts';
import { array, bigInteger, type ModelReply, NULL, Refusal, SYNTAX_ERROR } from './reply.ts';

type Overflow = 'WRAP' | 'SAT' | 'FAIL';

interface FieldType {
  readonly signed: boolean;
  readonly bits: number;
}

interface FieldOperation {
  readonly name: 'GET' | 'SET' | 'INCRBY';
  readonly type: FieldType;
  readonly offset: number;
  /** What SET assigns or INCRBY adds. */
  readonly operand: bigint;
  readonly overflow: Overflow;
}

function fieldType(text: string): FieldType {
  const signed = text.startsWith('i');
  const bits = signed || text.startsWith('u') ? parseInt64(text.slice(1)) : undefined;
  if (bits === undefined || bits < 1 || bits > (signed ? 64 : 63)) {
    throw new Refusal(
      'ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 is.',
    );
  }
  return { signed, bits: Number(bits) };
}

function overflowArgument(text: string): Overflow {
  const word = text.toUpperCase();
  if (word === 'WRAP' || word === 'SAT' || word === 'FAIL') return word;
  throw new Refusal('ERR Invalid OVERFLOW type specified');
}

function parseOperations(args: readonly string[]): FieldOperation[] {
  const operations: FieldOperation[] = [];
  let overflow: Overflow = 'WRAP';
  for (let i = 2; i < args.length; ) {
    const name = at(args, i).toUpperCase();
    const following = args.length - i - 1;
    if (name === 'OVERFLOW' && following >= 1) {
      overflow = overflowArgument(at(args, i + 1));
      i += 2;
      continue;
    }
    const reads = name === 'GET' && following >= 2;
    const writes = (name === 'SET' || name === 'INCRBY') && following >= 3;
    if (!reads && !writes) throw SYNTAX_ERROR;
    const type = fieldType(at(args, i + 1));
    const offset = bitOffset(at(args, i + 2), type.bits);
    const operand = reads ? 0n : BigInt(integerArgument(at(args, i + 3)));
    operations.push({ name, type, offset, operand, overflow });
    i += reads ? 3 : 4;
  }
  return operations;
}

/** The integer of `type` at `offset`; beyond the end there are zeros. */
function readField(bytes: Buffer, { signed, bits }: FieldType, offset: number): bigint {
  let value = 0n;
  for (let i = offset; i < offset + bits; i++) {
    const byte = bytes[Math.floor(i / 8)] ?? 0;
    value = (value << 1n) | BigInt((byte >> (7 - (i % 8))) & 1);
  }
  return signed ? BigInt.asIntN(bits, value) : value;
}

function writeField(bytes: Buffer, { bits }: FieldType, offset: number, value: bigint): void {
  let left = BigInt.asUintN(bits, value);
  for (let i = offset + bits - 1; i >= offset; i--) {
    const index = Math.floor(i / 8);
    const mask = 1 << (7 - (i % 8));
    const byte = bytes[index] as number;
    bytes[index] = left & 1n ? byte | mask : byte & ~mask;
    left >>= 1n;
  }
}

/**
 * Whether `value + increment` is above (1) or below (-1) what the type holds. What is left up to the limits is computed
 * in 64 bits, as the engine does: far out of range it wraps, and the wrong limit counts as passed.
 */
function excess(value: bigint, increment: bigint, { signed, bits }: FieldType): -1 | 0 | 1 {
  const { min, max } = limits({ signed, bits });
  const upTo = BigInt.asIntN(64, max - value);
  const downTo = BigInt.asIntN(64, min - value);
  const narrow = signed && bits < 64;
  const rising = increment > 0n && (!signed || value >= 0n);
  if (value > max || ((narrow || rising) && increment > upTo)) return 1;
  const falling = increment < 0n && (!signed || value < 0n);
  return value < min || ((narrow || falling) && increment < downTo) ? -1 : 0;
}

function limits({ signed, bits }: FieldType): { min: bigint; max: bigint } {
  const width = BigInt(bits);
  const min = signed ? -(1n << (width - 1n)) : 0n;
  return { min, max: signed ? -min - 1n : (1n << width) - 1n };
}

/** `value + increment` as it fits the type; undefined if it does not and that must not be. */
function fitted(value: bigint, increment: bigint, type: FieldType, overflow: Overflow) {
  const passed = excess(value, increment, type);
  if (passed === 0) return value + increment;
  if (overflow === 'FAIL') return undefined;
  if (overflow === 'SAT') return passed > 0 ? limits(type).max : limits(type).min;
  const sum = value + increment;
  return type.signed ? BigInt.asIntN(type.bits, sum) : BigInt.asUintN(type.bits, sum);
}

function write(bytes: Buffer, operation: FieldOperation) {
  const { name, type, offset, operand, overflow } = operation;
  const former = readField(bytes, type, offset);
  // SET reads its operand as unsigned where the field is: -1 is the largest.
  const given = type.signed ? operand : BigInt.asUintN(64, operand);
  const value =
    name === 'SET' ? fitted(given, 0n, type, overflow) : fitted(former, operand, type, overflow);
  if (value === undefined) return { reply: NULL, written: false, changed: false };
  writeField(bytes, type, offset, value);
  const reply = bigInteger(name === 'SET' ? former : value);
  return { reply, written: true, changed: value !== former };
}

function bitField(space: Keyspace, args: readonly string[], readOnly: boolean): ModelReply {
  const key = at(args, 1);
  const operations = parseOperations(args);
  const writes = operations.filter((operation) => operation.name !== 'GET');
  if (writes.length === 0) {
    const bytes = Buffer.from(space.findString(key)?.text ?? '', 'latin1');
    return array(operations.map(({ type, offset }) => bigInteger(readField(bytes, type, offset))));
  }
  if (readOnly) throw new Refusal('ERR BITFIELD_RO only supports the GET subcommand');
  const lastBit = Math.max(...writes.map(({ type, offset }) => offset + type.bits - 1));
  const { bytes, grown } = bytesFor(space, key, lastBit);
  let changes = 0;
  const replies = operations.map((operation) => {
    if (operation.name === 'GET') {
      return bigInteger(readField(bytes, operation.type, operation.offset));
    }
    const { reply, written, changed } = write(bytes, operation);
    if (changed || (grown && written)) changes++;
    return reply;
  });
  // Where every write failed the string has still become longer, and nobody is told.
  storeBytes(space, key, bytes);
  if (changes > 0) space.changed(key);
  return array(replies);
}

export const BITFIELD_COMMANDS: CommandTable = {
  BITFIELD: [-2, (space, args) => bitField(space, args, false)],
  BITFIELD_RO: [-2, (space, args) => bitField(space, args, true)],
};
