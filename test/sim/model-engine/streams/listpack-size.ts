// How many bytes the engine's listpack takes for stream entries. A node of a stream is full at 4096 bytes, and whole
// nodes are what a trim with `~` removes: so sizes are visible.

import { parseInt64 } from '../numbers.ts';
import { millisecondsOf, type StreamId, sequenceOf } from './stream-id.ts';

/** Header and end mark. */
const EMPTY_BYTES = 7;
/** Upper limits of the integers of each encoding, and its bytes. */
const INTEGERS: readonly (readonly [max: bigint, bytes: number])[] = [
  [4095n, 2],
  [32767n, 3],
  [8388607n, 4],
  [2147483647n, 5],
];

function integerBytes(value: bigint): number {
  if (value >= 0n && value <= 127n) return 1;
  const magnitude = value < 0n ? -value - 1n : value;
  return INTEGERS.find(([max]) => magnitude <= max)?.[1] ?? 9;
}

function textBytes(text: string): number {
  const value = parseInt64(text);
  if (value !== undefined) return integerBytes(BigInt(value));
  return text.length + (text.length < 64 ? 1 : text.length < 4096 ? 2 : 5);
}

/** With the length that follows each element, for reading backwards. */
function withLength(bytes: number): number {
  return bytes + (bytes <= 127 ? 1 : bytes < 16383 ? 2 : bytes < 2097151 ? 3 : 4);
}

function integerElement(value: number | bigint): number {
  return withLength(integerBytes(BigInt(value)));
}

function textElements(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + withLength(textBytes(text)), 0);
}

function everyOther(texts: readonly string[], first: number): string[] {
  return texts.filter((_, i) => i % 2 === first);
}

/** A node that has its master entry, with the fields of `fields` (names and values in turn), and no other. */
export function emptyNodeBytes(fields: readonly string[]): number {
  const names = everyOther(fields, 0);
  // The numbers of live and of deleted entries stay below 128: one size.
  const counts = 2 * integerElement(0);
  return (
    EMPTY_BYTES + counts + integerElement(names.length) + textElements(names) + integerElement(0)
  );
}

/** An entry; names that are those of the master entry are left out. */
export function entryBytes(
  masterId: StreamId,
  masterFields: readonly string[],
  id: StreamId,
  fields: readonly string[],
): number {
  const names = everyOther(fields, 0);
  const masterNames = everyOther(masterFields, 0);
  const same =
    names.length === masterNames.length && names.every((name, i) => name === masterNames[i]);
  const elements = names.length + 3 + (same ? 0 : names.length + 1);
  return (
    integerElement(same ? 2 : 0) +
    integerElement(BigInt.asIntN(64, millisecondsOf(id) - millisecondsOf(masterId))) +
    integerElement(BigInt.asIntN(64, sequenceOf(id) - sequenceOf(masterId))) +
    (same ? 0 : integerElement(names.length) + textElements(names)) +
    textElements(everyOther(fields, 1)) +
    integerElement(elements)
  );
}
