// A string as RDB files hold it: as it is, as a number in 1, 2 or 4 bytes, or compressed (LZF).

import { CorruptInput } from '../base/errors.ts';

export interface DecodedString {
  readonly value: Buffer;
  /** Where it ended. */
  readonly end: number;
}

/** Throws CorruptInput. `lengthMax`: what is longer is refused before anything is set aside for it. */
export function decodeString(bytes: Buffer, at: number, lengthMax: number): DecodedString {
  const first = byteAt(bytes, at);
  if (first >> 6 === 3) return decodeEncoded(bytes, at + 1, { form: first & 0x3f, lengthMax });
  const { length, end } = decodeLength(bytes, at);
  if (end + length > bytes.length) throw new CorruptInput('a string that is cut');
  return { value: bytes.subarray(end, end + length), end: end + length };
}

export function decodeLength(bytes: Buffer, at: number): { length: number; end: number } {
  const first = byteAt(bytes, at);
  const form = first >> 6;
  if (form === 0) return { length: first, end: at + 1 };
  if (form === 1) {
    return { length: ((first & 0x3f) << 8) | byteAt(bytes, at + 1), end: at + 2 };
  }
  if (first === 0x80 && at + 5 <= bytes.length) {
    return { length: bytes.readUInt32BE(at + 1), end: at + 5 };
  }
  if (first === 0x81 && at + 9 <= bytes.length) {
    return { length: Number(bytes.readBigUInt64BE(at + 1)), end: at + 9 };
  }
  throw new CorruptInput('a length that is none');
}

function decodeEncoded(
  bytes: Buffer,
  at: number,
  { form, lengthMax }: { readonly form: number; readonly lengthMax: number },
): DecodedString {
  const number = (size: 1 | 2 | 4): DecodedString => {
    if (at + size > bytes.length) throw new CorruptInput('a number that is cut');
    return { value: Buffer.from(String(bytes.readIntLE(at, size))), end: at + size };
  };
  if (form === 0) return number(1);
  if (form === 1) return number(2);
  if (form === 2) return number(4);
  if (form !== 3) throw new CorruptInput(`a string in form ${form}, which is not known`);
  const packed = decodeLength(bytes, at);
  const plain = decodeLength(bytes, packed.end);
  const end = plain.end + packed.length;
  if (end > bytes.length) throw new CorruptInput('a compressed string that is cut');
  if (plain.length > lengthMax) throw new CorruptInput('a compressed string that is too long');
  return { value: decompress(bytes.subarray(plain.end, end), plain.length), end };
}

/** LZF: runs of bytes, and references back into what came out. */
function decompress(packed: Buffer, length: number): Buffer {
  const plain = Buffer.alloc(length);
  let from = 0;
  let to = 0;
  while (from < packed.length) {
    const control = byteAt(packed, from++);
    if (control < 32) {
      const count = control + 1;
      if (from + count > packed.length || to + count > length) throw wrong();
      packed.copy(plain, to, from, from + count);
      from += count;
      to += count;
      continue;
    }
    let count = control >> 5;
    if (count === 7) count += byteAt(packed, from++);
    count += 2;
    let source = to - ((control & 0x1f) << 8) - byteAt(packed, from++) - 1;
    if (source < 0 || to + count > length) throw wrong();
    // It may reach into what it writes itself.
    while (count-- > 0) plain[to++] = plain[source++] as number;
  }
  if (to !== length) throw wrong();
  return plain;
}

function byteAt(bytes: Buffer, at: number): number {
  const byte = bytes[at];
  if (byte === undefined) throw new CorruptInput('what is cut');
  return byte;
}

function wrong(): CorruptInput {
  return new CorruptInput('a compressed string that does not come out right');
}
