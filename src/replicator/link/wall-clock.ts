// The wall clock with fractions of a millisecond. Date.now has none, and performance.timeOrigin does
// not follow when the clock is set or the machine sleeps: so the one corrects the other.

const DEVIATION_MS_MAX = 2;

let originMs = performance.timeOrigin;

/** Milliseconds since the epoch. */
export function wallClockMs(): number {
  const coarseMs = Date.now();
  const fineMs = originMs + performance.now();
  if (Math.abs(fineMs - coarseMs) <= DEVIATION_MS_MAX) return fineMs;
  originMs += coarseMs - fineMs;
  return coarseMs;
}
