// EX, PX, EXAT, PXAT: the times that SET, GETEX and the EXPIRE family take.

import { integerArgument } from './numbers.ts';
import { Refusal } from './reply.ts';

export type TimeUnit = 'EX' | 'PX' | 'EXAT' | 'PXAT';

/** A time to live of SET, SETEX, GETEX as milliseconds since the epoch; it must be positive. */
export function positiveExpiry(
  text: string,
  unit: TimeUnit,
  nowMs: number,
  command: string,
): number {
  const value = BigInt(integerArgument(text));
  const inSeconds = unit === 'EX' || unit === 'EXAT';
  const relative = unit === 'EX' || unit === 'PX';
  const limit = inSeconds ? INT64_MAX / 1000n : INT64_MAX;
  if (value <= 0n || value > limit) throw invalidExpireTime(command);
  const atMs = (inSeconds ? value * 1000n : value) + (relative ? BigInt(nowMs) : 0n);
  if (atMs > INT64_MAX) throw invalidExpireTime(command);
  return Number(atMs);
}

/** A time of the EXPIRE family, which may be negative. Beyond 2^53 ms it is rounded. */
export function expiry(text: string, unit: TimeUnit, nowMs: number, command: string): number {
  const value = BigInt(integerArgument(text));
  const inSeconds = unit === 'EX' || unit === 'EXAT';
  const relative = unit === 'EX' || unit === 'PX';
  if (inSeconds && (value > INT64_MAX / 1000n || value < -INT64_MAX / 1000n)) {
    throw invalidExpireTime(command);
  }
  const atMs = (inSeconds ? value * 1000n : value) + (relative ? BigInt(nowMs) : 0n);
  if (atMs > INT64_MAX) throw invalidExpireTime(command);
  return Number(atMs);
}

export function isTimeUnit(word: string): word is TimeUnit {
  return word === 'EX' || word === 'PX' || word === 'EXAT' || word === 'PXAT';
}

const INT64_MAX = 2n ** 63n - 1n;

function invalidExpireTime(command: string): Refusal {
  return new Refusal(`ERR invalid expire time in '${command.toLowerCase()}' command`);
}
