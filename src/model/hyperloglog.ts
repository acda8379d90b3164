// Tells a HyperLogLog from other strings. The engine keeps one in a string: 16 bytes of header (magic, encoding,
// a cached count), then 16384 registers, either dense (6 bits each) or as runs (sparse). Strings that only look
// like one are refused by the engine when it comes to their registers, so those are no HyperLogLogs here.

const MAGIC = 'HYLL';
const ENCODING_AT = 4;
const DENSE = 0;
const SPARSE = 1;
const HEADER_BYTES = 16;
const REGISTERS = 16384;
const DENSE_BYTES = HEADER_BYTES + (REGISTERS * 6) / 8;

/** `value` is a latin1 string. */
export function isHyperLogLog(value: string): boolean {
  if (!value.startsWith(MAGIC) || value.length < HEADER_BYTES) return false;
  const encoding = value.charCodeAt(ENCODING_AT);
  if (encoding === DENSE) return value.length === DENSE_BYTES;
  return encoding === SPARSE && registersIn(value) === REGISTERS;
}

/** How many registers the runs of the sparse encoding stand for: 00llllll and 01llllll llllllll are zeros,
 * 1vvvvvll equal values; lengths less one. */
function registersIn(value: string): number {
  let registers = 0;
  for (let at = HEADER_BYTES; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if ((code & 0x80) !== 0) registers += (code & 3) + 1;
    else if ((code & 0x40) === 0) registers += (code & 63) + 1;
    else if (++at < value.length) registers += ((code & 63) << 8) + value.charCodeAt(at) + 1;
    else return Number.NaN;
  }
  return registers;
}
