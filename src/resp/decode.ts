// Arguments out of a command in RESP form, for the rare places that need them all.

import { CorruptInput } from '../base/errors.ts';
import './latin1.ts';

const CR = 13;

/** The first arguments, or all, of the command at `buffer[from, to)` as latin1 strings. Throws CorruptInput. */
export function decodeArguments(
  buffer: Buffer,
  from: number,
  to: number,
  atMost = Number.POSITIVE_INFINITY,
): string[] {
  let at = from;
  const readNumber = (mark: number): number => {
    if (buffer[at] !== mark) throw new CorruptInput('op does not hold a command');
    at++;
    let value = 0;
    while (at < to && buffer[at] !== CR) value = value * 10 + (buffer[at++] as number) - 48;
    at += 2;
    return value;
  };
  const count = Math.min(readNumber(42), atMost);
  const args: string[] = [];
  for (let i = 0; i < count; i++) {
    const length = readNumber(36);
    if (!(at + length <= to)) throw new CorruptInput('op is longer than its frame');
    args.push(buffer.latin1Slice(at, at + length));
    at += length + 2;
  }
  return args;
}
