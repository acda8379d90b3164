// Values of arguments and options, checked as they are read.

import { InvalidArgumentError } from 'commander';

const HUNG_AFTER_MS_MIN = 1_000;

export function wholeNumber(text: string): number {
  const number = Number(text);
  if (text.trim() !== '' && Number.isSafeInteger(number) && number >= 0) return number;
  throw new InvalidArgumentError('It must be a whole number.');
}

export function positiveNumber(text: string): number {
  const number = Number(text);
  if (text.trim() !== '' && Number.isFinite(number) && number > 0) return number;
  throw new InvalidArgumentError('It must be a number greater than 0.');
}

export function portNumber(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw new InvalidArgumentError('A port is a number from 1 to 65535.');
}

export function regionList(text: string): string[] {
  return text.split(',').map((name) => name.trim());
}

/** An option that may come several times. */
export function added(text: string, earlier: readonly string[] = []): string[] {
  return [...earlier, text];
}

const UNITS_MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** "500ms", "15s", "2m", "1h", or "0", in milliseconds. */
export function duration(text: string): number {
  const [, amount, unit] = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text.trim()) ?? [];
  const unitMs = Object.entries(UNITS_MS).find(([name]) => name === unit)?.[1];
  if (amount !== undefined && unitMs !== undefined) return Math.round(Number(amount) * unitMs);
  if (text.trim() === '0') return 0;
  throw new InvalidArgumentError('Say how long with a unit, such as 500ms, 15s or 2m; or 0.');
}

/** 0, or long enough that an engine at work is not taken for one that hangs. */
export function hungAfter(text: string): number {
  const ms = duration(text);
  if (ms === 0 || ms >= HUNG_AFTER_MS_MIN) return ms;
  throw new InvalidArgumentError('It must be a second or more, or 0.');
}
