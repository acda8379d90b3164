// Timeouts of commands that wait. The model never waits: like an engine inside MULTI it answers at once that nothing
// came. Only whether the timeout is well-formed is looked at.

import { isLongDouble } from '../../../src/model/long-double.ts';
import { parseInt64 } from './numbers.ts';
import { Refusal } from './reply.ts';

const NEGATIVE = new Refusal('ERR timeout is negative');

export function checkTimeoutMs(text: string): void {
  const timeoutMs = parseInt64(text);
  if (timeoutMs === undefined) {
    throw new Refusal('ERR timeout is not an integer or out of range');
  }
  if (timeoutMs < 0) throw NEGATIVE;
}

/** A decimal number of seconds. */
export function checkTimeoutSeconds(text: string): void {
  if (!isLongDouble(text)) throw new Refusal('ERR timeout is not a float or out of range');
  // Less than a millisecond below zero is rounded up to zero.
  if (Math.ceil(Number(text) * 1000) < 0) throw NEGATIVE;
}
