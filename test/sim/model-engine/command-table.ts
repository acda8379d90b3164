// The shape of a command of the model engine.

import type { Keyspace } from './keyspace.ts';
import type { ModelReply } from './reply.ts';

export type CommandRun = (space: Keyspace, args: readonly string[]) => ModelReply;

/** Name (upper case) -> arity as COMMAND INFO gives it (negative: at least that many), implementation. */
export type CommandTable = Readonly<Record<string, readonly [arity: number, run: CommandRun]>>;

/** The argument at `index`, whose presence the arity or a check has made sure of. */
export function at(args: readonly string[], index: number): string {
  return args[index] as string;
}
