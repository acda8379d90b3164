// The commands of a batch one by one, as an engine takes them from a connection.

import { decodeArguments } from '../../src/resp/decode.ts';

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
