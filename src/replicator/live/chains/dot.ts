// A dot in one number, as the records of chains hold it: exact for sequences below 2^45, a million writes a second
// for a year.

import type { Slot } from '../../../model/version-vector.ts';

const SLOTS = 256;

/** No dot: sequences begin with 1. */
export const NO_DOT = 0;

export function packDot(origin: Slot, seq: number): number {
  return seq * SLOTS + origin;
}

export function slotOf(dot: number): Slot {
  return dot % SLOTS;
}

export function seqOf(dot: number): number {
  return Math.floor(dot / SLOTS);
}
