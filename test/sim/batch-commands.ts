// The commands of a batch one by one, as an engine takes them from a connection, and what it answers.

import { decodeArguments } from '../../src/resp/decode.ts';
import type { ModelReply } from './model-engine/reply.ts';

/** Arguments of each of `count` commands. */
export function* splitCommands(commands: Buffer, count: number): Iterable<string[]> {
  let at = 0;
  for (let i = 0; i < count; i++) {
    const args = decodeArguments(commands, at, commands.length);
    at += encodedLength(args);
    yield args;
  }
}

/** Of a script its beginning tells enough. */
export function traced(argument: string): string {
  const [line = ''] = argument.split('\n');
  return line === argument ? argument : `${line.slice(0, 24)}...`;
}

function encodedLength(args: readonly string[]): number {
  let bytes = 3 + String(args.length).length;
  for (const arg of args) bytes += 5 + String(arg.length).length + arg.length;
  return bytes;
}

/** Errors among the replies to a transaction, counted from 0 behind the fence. */
export function errorsIn(items: readonly ModelReply[]): { index: number; message: string }[] {
  return items.flatMap((item, i) =>
    item.kind === 'error' ? [{ index: i - 1, message: item.text }] : [],
  );
}
