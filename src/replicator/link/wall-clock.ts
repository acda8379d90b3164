// The wall clock with fractions of a millisecond. Date.now has none, and performance.timeOrigin does
// not follow when the clock is set or the machine sleeps: so the one corrects the other.

const DEVIATION_MS_MAX = 2;

let originMs = performance.timeOrigin;
let shiftMs = 0;

/** Shows a clock that is wrong by so much from now on: for drills. */
export function shiftWallClock(ms: number): void {
  shiftMs = ms;
}

/** By so much the clock is wrong on purpose. */
export function wallClockShiftMs(): number {
  return shiftMs;
}

/** Milliseconds since the epoch. */
export function wallClockMs(): number {
  const coarseMs = Date.now() + shiftMs;
  const fineMs = originMs + performance.now();
  if (Math.abs(fineMs - coarseMs) <= DEVIATION_MS_MAX) return fineMs;
  originMs += coarseMs - fineMs;
  return coarseMs;
}
