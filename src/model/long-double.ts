// INCRBYFLOAT and HINCRBYFLOAT compute in C's long double: a 64-bit mantissa on x86, 113 bits on ARM. This does the
// same with big integers, to the last printed digit: decimal text is rounded to so many bits, the sum is rounded
// again, and the result is printed with 17 decimals and without trailing zeros. An engine is taken to run on the kind
// of processor that this runs on.
//
// Differences: exponents near the ends of the format (beyond 10^4900) are refused rather than denormal or infinite.

import { roundDecimal, subtractDecimals } from './decimal.ts';

/** mantissa * 2^exponent, with a mantissa of at most 64 bits. */
interface LongDouble {
  readonly mantissa: bigint;
  readonly exponent: number;
}

const MANTISSA_BITS = process.arch === 'arm64' ? 113 : 64;
const EXPONENT_MAX = 4900;
const PRINTED_DECIMALS = 17n;
/** Below this what is printed tells apart more than the mantissa does. */
const EXACT_BELOW = 64;
/** Nobody means more decimals than these, if fewer lead to the same sum. */
const MEANT_DECIMALS = 15;
const PATTERN = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,6}))?$/;

/** Whether `text` is a number that a long double holds. */
export function isLongDouble(text: string): boolean {
  return parse(text) !== undefined;
}

/** `a + b` in long double, printed as the engine does; undefined if either is not a number. */
export function addLongDouble(a: string, b: string): string | undefined {
  const left = parse(a);
  const right = parse(b);
  return left === undefined || right === undefined ? undefined : format(add(left, right));
}

/**
 * What an engine that shows `before` must add to show `after`, as another one does that has added something; undefined
 * if either is not a number. The plain difference is not always that: both texts are rounded, and it rounds again.
 */
export function incrementBetween(before: string, after: string): string | undefined {
  const difference = subtractDecimals(after, before);
  if (difference === undefined || (isBelow(before) && isBelow(after))) return difference;
  const leads = (by: string | undefined): boolean =>
    by !== undefined && addLongDouble(before, by) === after;
  const [from, to] = [parse(before), parse(after)];
  if (from === undefined || to === undefined) return undefined;
  const candidates = [
    roundDecimal(difference, MEANT_DECIMALS),
    difference,
    subtractDecimals(after, exactText(from)),
    // Between numbers of about one size no bit is lost.
    subtractDecimals(exactText(to), exactText(from)),
  ];
  return candidates.find(leads) ?? difference;
}

function isBelow(text: string): boolean {
  return Math.abs(Number(text)) < EXACT_BELOW;
}

/** All decimals of a number. */
function exactText({ mantissa, exponent }: LongDouble): string {
  if (exponent >= 0) return (mantissa << BigInt(exponent)).toString();
  return `${mantissa * 5n ** BigInt(-exponent)}e${exponent}`;
}

function parse(text: string): LongDouble | undefined {
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const [, sign = '', whole = '', fraction = '', exponentText = '0'] = match;
  if (whole.length + fraction.length === 0) return undefined;
  const exponent = Number(exponentText) - fraction.length;
  if (Math.abs(exponent) > EXPONENT_MAX) return undefined;
  const digits = BigInt(whole + fraction);
  const value =
    exponent >= 0
      ? round(digits * 10n ** BigInt(exponent), 0)
      : divide(digits, 10n ** BigInt(-exponent));
  return sign === '-' ? { mantissa: -value.mantissa, exponent: value.exponent } : value;
}

function add(a: LongDouble, b: LongDouble): LongDouble {
  const exponent = Math.min(a.exponent, b.exponent);
  const sum =
    (a.mantissa << BigInt(a.exponent - exponent)) + (b.mantissa << BigInt(b.exponent - exponent));
  if (sum >= 0n) return round(sum, exponent);
  const rounded = round(-sum, exponent);
  return { mantissa: -rounded.mantissa, exponent: rounded.exponent };
}

/** numerator / denominator with two spare bits and a sticky one, then rounded. */
function divide(numerator: bigint, denominator: bigint): LongDouble {
  if (numerator === 0n) return { mantissa: 0n, exponent: 0 };
  const shift = Math.max(0, MANTISSA_BITS + 2 + bitLength(denominator) - bitLength(numerator));
  const scaled = numerator << BigInt(shift);
  const quotient = scaled / denominator;
  const sticky = quotient * denominator === scaled ? 0n : 1n;
  return round((quotient << 1n) | sticky, -shift - 1);
}

/** Rounds half to even to the mantissa's bits. */
function round(value: bigint, exponent: number): LongDouble {
  const excess = bitLength(value) - MANTISSA_BITS;
  if (excess <= 0) return { mantissa: value, exponent };
  return { mantissa: shiftHalfEven(value, BigInt(excess)), exponent: exponent + excess };
}

function shiftHalfEven(value: bigint, bits: bigint): bigint {
  const quotient = value >> bits;
  const rest = value - (quotient << bits);
  const half = 1n << (bits - 1n);
  return rest > half || (rest === half && (quotient & 1n) === 1n) ? quotient + 1n : quotient;
}

function bitLength(value: bigint): number {
  return value === 0n ? 0 : value.toString(2).length;
}

function format(value: LongDouble): string {
  const negative = value.mantissa < 0n;
  const size = negative ? -value.mantissa : value.mantissa;
  if (value.exponent >= 0) return `${negative ? '-' : ''}${size << BigInt(value.exponent)}`;
  const scaled = shiftHalfEven(size * 10n ** PRINTED_DECIMALS, BigInt(-value.exponent));
  if (scaled === 0n) return '0';
  const digits = scaled.toString().padStart(Number(PRINTED_DECIMALS) + 1, '0');
  const point = digits.length - Number(PRINTED_DECIMALS);
  let end = digits.length;
  while (end > point && digits[end - 1] === '0') end--;
  const fraction = end > point ? `.${digits.slice(point, end)}` : '';
  return `${negative ? '-' : ''}${digits.slice(0, point)}${fraction}`;
}
