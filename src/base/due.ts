// Waiting by a wall clock, which can be set back: what was to wait for a moment must not wait for an hour then.

/** Whether what was put off until `dueMs`, for `waitMs`, is due at `nowMs`. */
export function isDue(dueMs: number, waitMs: number, nowMs: number): boolean {
  return nowMs >= dueMs || nowMs < dueMs - waitMs;
}
