// IDs of stream entries: milliseconds and a sequence number of 64 bits each, as one integer of 128 bits, so that
// comparing, the next and the former one are those of integers.

import { parseInt64 } from '../numbers.ts';
import { Refusal } from '../reply.ts';

export type StreamId = bigint;

export const MIN_ID: StreamId = 0n;
export const MAX_ID: StreamId = (1n << 128n) - 1n;

const SEQUENCE_BITS = 64n;
export const MAX_SEQUENCE = (1n << SEQUENCE_BITS) - 1n;
const TEXT_MAX = 127;
const INVALID_ID = new Refusal('ERR Invalid stream ID specified as stream command argument');

export function streamId(ms: bigint, sequence: bigint): StreamId {
  return (ms << SEQUENCE_BITS) | sequence;
}

export function millisecondsOf(id: StreamId): bigint {
  return id >> SEQUENCE_BITS;
}

export function sequenceOf(id: StreamId): bigint {
  return id & MAX_SEQUENCE;
}

export function formatId(id: StreamId): string {
  return `${millisecondsOf(id)}-${sequenceOf(id)}`;
}

/** The unsigned integer that `text` is, as strtoull is lenient: blanks, a sign, leading zeros. */
function parseUnsigned(text: string): bigint | undefined {
  const strict = parseInt64(text);
  if (strict !== undefined) return strict < 0 ? undefined : BigInt(strict);
  const match = /^[ \t\n\v\f\r]*([+-]?)(\d+)$/.exec(text);
  if (match === null) return undefined;
  const value = BigInt(match[2] as string);
  if (value > MAX_SEQUENCE) return undefined;
  return match[1] === '-' ? BigInt.asUintN(64, -value) : value;
}

interface ParsedId {
  readonly id: StreamId;
  /** False for `ms-*`. */
  readonly sequenceGiven: boolean;
}

function parse(given: string, missingSequence: bigint, allowAuto: boolean): ParsedId | undefined {
  if (given.length > TEXT_MAX) return undefined;
  const [text = ''] = given.split('\0');
  const dash = text.indexOf('-');
  const ms = parseUnsigned(dash < 0 ? text : text.slice(0, dash));
  if (ms === undefined) return undefined;
  const after = dash < 0 ? undefined : text.slice(dash + 1);
  if (allowAuto && after === '*') return { id: streamId(ms, 0n), sequenceGiven: false };
  const sequence = after === undefined ? missingSequence : parseUnsigned(after);
  return sequence === undefined ? undefined : { id: streamId(ms, sequence), sequenceGiven: true };
}

/** `ms-seq` or `ms`; undefined if it is neither. */
export function parseStrictId(text: string, missingSequence = 0n): StreamId | undefined {
  return parse(text, missingSequence, false)?.id;
}

/** `ms-seq` or `ms`; throws the engine's error. */
export function strictId(text: string, missingSequence = 0n): StreamId {
  const id = parseStrictId(text, missingSequence);
  if (id === undefined) throw INVALID_ID;
  return id;
}

/** Also `-` and `+`, the smallest and the greatest ID. */
export function anyId(text: string, missingSequence = 0n): StreamId {
  const [word] = text.split('\0');
  if (word === '-') return MIN_ID;
  if (word === '+') return MAX_ID;
  return strictId(text, missingSequence);
}

/** The ID argument of XADD other than `*`. */
export function newEntryId(text: string): ParsedId {
  const parsed = parse(text, 0n, true);
  if (parsed === undefined) throw INVALID_ID;
  return parsed;
}

/** The start of an interval, included; `(` before the ID excludes it. */
export function intervalStart(text: string): StreamId {
  const excluded = text.length > 1 && text.startsWith('(');
  if (!excluded) return anyId(text);
  const id = strictId(text.slice(1));
  if (id === MAX_ID) throw new Refusal('ERR invalid start ID for the interval');
  return id + 1n;
}

/** The end of an interval, included. */
export function intervalEnd(text: string): StreamId {
  const excluded = text.length > 1 && text.startsWith('(');
  if (!excluded) return anyId(text, MAX_SEQUENCE);
  const id = strictId(text.slice(1), MAX_SEQUENCE);
  if (id === MIN_ID) throw new Refusal('ERR invalid end ID for the interval');
  return id - 1n;
}
