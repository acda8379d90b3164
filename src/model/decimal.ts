// Exact decimal arithmetic on number texts, as far as counters need it: sums and differences of what
// INCRBY and INCRBYFLOAT take and give. Exact, so the order of additions cannot matter.

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,3}))?$/;

interface Scaled {
  readonly units: bigint;
  /** Digits behind the point. */
  readonly scale: number;
}

function parse(text: string): Scaled | undefined {
  const match = DECIMAL.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = '', fraction = '', exponent] = match;
  if (whole === '' && fraction === '') return undefined;
  let units = BigInt(whole + fraction);
  let scale = fraction.length - Number(exponent ?? 0);
  if (scale < 0) {
    units *= 10n ** BigInt(-scale);
    scale = 0;
  }
  return { units: sign === '-' ? -units : units, scale };
}

function format({ units, scale }: Scaled): string {
  if (scale === 0) return units.toString();
  const negative = units < 0n;
  const digits = (negative ? -units : units).toString().padStart(scale + 1, '0');
  const whole = digits.slice(0, -scale);
  const fraction = digits.slice(-scale).replace(/0+$/, '');
  const text = fraction === '' ? whole : `${whole}.${fraction}`;
  return negative && text !== '0' ? `-${text}` : text;
}

function combine(a: string, b: string, sign: bigint): string | undefined {
  const left = parse(a);
  const right = parse(b);
  if (left === undefined || right === undefined) return undefined;
  const scale = Math.max(left.scale, right.scale);
  const units =
    left.units * 10n ** BigInt(scale - left.scale) +
    sign * right.units * 10n ** BigInt(scale - right.scale);
  return format({ units, scale });
}

/** a + b, or undefined when one of them is not a finite decimal number. */
export function addDecimals(a: string, b: string): string | undefined {
  return combine(a, b, 1n);
}

/** a - b, or undefined when one of them is not a finite decimal number. */
export function subtractDecimals(a: string, b: string): string | undefined {
  return combine(a, b, -1n);
}

/** The nearest number with at most so many digits behind the point; undefined when `text` is no number. */
export function roundDecimal(text: string, scale: number): string | undefined {
  const number = parse(text);
  if (number === undefined || number.scale <= scale) return number && format(number);
  const { units } = number;
  const divisor = 10n ** BigInt(number.scale - scale);
  const half = units < 0n ? -divisor / 2n : divisor / 2n;
  return format({ units: (units + half) / divisor, scale });
}

/** Whether the engine would take `text` as a number for INCRBYFLOAT. */
export function isDecimal(text: string): boolean {
  return parse(text) !== undefined;
}

const INTEGER = /^(?:0|-?[1-9]\d{0,18})$/;

/** Whether the engine would take `text` as a value for INCRBY: a canonical 64-bit integer. */
export function isInteger(text: string): boolean {
  if (!INTEGER.test(text)) return false;
  if (text.length < 19) return true;
  const value = BigInt(text);
  return value >= INT64_MIN && value <= INT64_MAX;
}

export const INT64_MAX = 9223372036854775807n;
export const INT64_MIN = -9223372036854775808n;
