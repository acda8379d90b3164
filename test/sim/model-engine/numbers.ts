// Numbers as the engine reads and prints them: signed 64-bit integers and doubles.

import { NOT_A_FLOAT, NOT_AN_INTEGER, OUT_OF_RANGE, Refusal } from './reply.ts';

/** A signed 64-bit integer: a number where that is exact, else a bigint. */
export type Int64 = number | bigint;

const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);
const ZERO_CODE = 48;
const NINE_CODE = 57;
const MINUS_CODE = 45;

/** The integer that `text` is, in the engine's strict form (no plus sign, no leading zeros). */
export function parseInt64(text: string): Int64 | undefined {
  const length = text.length;
  if (length === 0 || length > 20) return undefined;
  const negative = text.charCodeAt(0) === MINUS_CODE;
  const start = negative ? 1 : 0;
  if (text.charCodeAt(start) === ZERO_CODE) return length === 1 ? 0 : undefined;
  let value = 0;
  for (let i = start; i < length; i++) {
    const code = text.charCodeAt(i);
    if (code < ZERO_CODE || code > NINE_CODE) return undefined;
    value = value * 10 + (code - ZERO_CODE);
  }
  if (length === start) return undefined;
  if (length - start <= 15) return negative ? -value : value;
  return toInt64(BigInt(text));
}

/** `a + b`, or undefined if it leaves the 64 bits. */
export function addInt64(a: Int64, b: Int64): Int64 | undefined {
  if (typeof a === 'number' && typeof b === 'number') {
    const sum = a + b;
    if (Number.isSafeInteger(sum)) return sum;
  }
  return toInt64(BigInt(a) + BigInt(b));
}

/** `-value`, or undefined for the one integer that has no negative. */
export function negateInt64(value: Int64): Int64 | undefined {
  return typeof value === 'number' ? 0 - value : toInt64(-value);
}

function toInt64(value: bigint): Int64 | undefined {
  if (value > INT64_MAX || value < INT64_MIN) return undefined;
  const near = Number(value);
  return Number.isSafeInteger(near) ? near : value;
}

/** The integer argument `text`; throws the engine's error. */
export function integerArgument(text: string): Int64 {
  const value = parseInt64(text);
  if (value === undefined) throw NOT_AN_INTEGER;
  return value;
}

/** The integer argument as a number: counts and indexes, where the far end of 64 bits means "all". */
export function indexArgument(text: string): number {
  return Number(integerArgument(text));
}

/** A count of elements: not negative. */
export function countArgument(text: string): number {
  const count = parseInt64(text);
  if (count === undefined || count < 0) throw OUT_OF_RANGE;
  return Number(count);
}

/** A number of keys or of elements that must be 1 at least; `message` is the refusal. */
export function positiveArgument(text: string, message: string): number {
  const value = parseInt64(text);
  if (value === undefined || value <= 0) throw new Refusal(message);
  return Number(value);
}

/** The double that `text` is, as strtod reads it (hexadecimal apart), or undefined. */
export function parseDouble(text: string): number | undefined {
  if (text.length === 0) return undefined;
  let infinite = false;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code >= ZERO_CODE && code <= NINE_CODE) continue;
    // + - . e E
    if (code === 43 || code === MINUS_CODE || code === 46 || code === 101 || code === 69) continue;
    infinite = true;
    break;
  }
  if (infinite) return parseInfinity(text);
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

function parseInfinity(text: string): number | undefined {
  switch (text.toLowerCase()) {
    case 'inf':
    case '+inf':
    case 'infinity':
    case '+infinity':
      return Number.POSITIVE_INFINITY;
    case '-inf':
    case '-infinity':
      return Number.NEGATIVE_INFINITY;
    default:
      return undefined;
  }
}

/** The double argument `text`; throws the engine's error. */
export function doubleArgument(text: string): number {
  const value = parseDouble(text);
  if (value === undefined) throw NOT_A_FLOAT;
  return value;
}

/** A double as `%.17g` prints it, which is how a 7.0 engine answers scores. */
export function formatDouble(value: number): string {
  if (Number.isSafeInteger(value)) return Object.is(value, -0) ? '-0' : String(value);
  if (!Number.isFinite(value)) return value > 0 ? 'inf' : '-inf';
  const [mantissa = '', exponentText = ''] = value.toExponential(16).split('e');
  const exponent = Number(exponentText);
  const negative = mantissa.startsWith('-');
  let digits = mantissa.replace('-', '').replace('.', '');
  let length = digits.length;
  while (length > 1 && digits.charCodeAt(length - 1) === ZERO_CODE) length--;
  digits = digits.slice(0, length);
  return (negative ? '-' : '') + layOut(digits, exponent);
}

/** Places the point, or an exponent outside 10^-4 to 10^16, as C does. */
function layOut(digits: string, exponent: number): string {
  if (exponent < -4 || exponent >= 17) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : '';
    const size = String(Math.abs(exponent)).padStart(2, '0');
    return `${digits[0]}${fraction}e${exponent < 0 ? '-' : '+'}${size}`;
  }
  if (exponent < 0) return `0.${'0'.repeat(-exponent - 1)}${digits}`;
  if (digits.length <= exponent + 1) return digits.padEnd(exponent + 1, '0');
  return `${digits.slice(0, exponent + 1)}.${digits.slice(exponent + 1)}`;
}
