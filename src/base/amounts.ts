// Amounts as people read them.

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;

/** "3.4 s", "6 h 20 min". */
export function durationText(ms: number): string {
  if (ms < 100 * SECOND_MS) return `${(Math.max(0, ms) / SECOND_MS).toFixed(ms < 9950 ? 1 : 0)} s`;
  if (ms < HOUR_MS) return `${Math.round(ms / MINUTE_MS)} min`;
  if (ms < 2 * DAY_MS) return inUnits(ms, HOUR_MS, 'h', MINUTE_MS, 'min');
  if (ms < 1000 * DAY_MS) return inUnits(ms, DAY_MS, 'd', HOUR_MS, 'h');
  return 'more than 1,000 d';
}

function inUnits(ms: number, bigMs: number, big: string, smallMs: number, small: string): string {
  const all = Math.floor(ms / smallMs);
  const perBig = bigMs / smallMs;
  const rest = all % perBig;
  const head = `${Math.floor(all / perBig)} ${big}`;
  return rest === 0 ? head : `${head} ${rest} ${small}`;
}

/** "1.2 MB": decimal units. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let size = bytes;
  let unit = 0;
  while (size >= 999.5 && unit < units.length - 1) {
    size /= 1000;
    unit++;
  }
  return `${unit === 0 ? Math.round(size) : size.toFixed(size < 9.95 ? 1 : 0)} ${units[unit]}`;
}

/** "2,311 writes", "1 write". */
export function countText(count: number, what: string): string {
  return `${count.toLocaleString('en-US')} ${what}${count === 1 ? '' : 's'}`;
}
