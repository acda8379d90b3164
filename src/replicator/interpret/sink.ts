// What interpreting a command may produce. The core implements it.

import type { OpKind } from '../../model/op.ts';
import type { Command } from '../../resp/command.ts';
import type { Path } from '../live/json/json-path.ts';
import type { JsonPurpose } from './json-rules.ts';
import type { StreamEvents } from './stream-rules.ts';

export interface OpSink {
  /** An op whose command is the one at hand, byte for byte. `flags` are OpFlag bits. */
  verbatim(kind: OpKind, command: Command, keyIndex: number, flags?: number): void;
  /** An op with a command of its own. `args[1]` is the key, `flags` are OpFlag bits. */
  rewritten(kind: OpKind, args: readonly string[], flags?: number): void;
  /** A message to the subscribers of every region. */
  message(command: Command): void;
  /** The key's new value is not in the command: read and ship it whole. */
  readWhole(key: string): void;
  /** Registers were merged into a HyperLogLog: read it and ship what it has as a union. */
  readUnion(key: string): void;
  /** Members of a sorted set were removed that nobody here can name: ship who is left. */
  readMembers(key: string): void;
  /** These members may or may not have got new scores: ship the scores they have. */
  readScores(key: string, members: readonly string[]): void;
  /** A search module may have written these fields of the document `key`: ship what they are, then how it is
   * indexed. */
  readDocument(key: string, fields: readonly string[], indexing: readonly string[]): void;
  /** These fields of a hash were written and kept their expiries: ship both. */
  readFields(key: string, names: readonly string[]): void;
  /** Libraries of functions came in a form of the engine's own: ship those that there are. */
  readLibraries(): void;
  /** What a JSON command made of the value at a path is not in the stream: read it, and ship what the purpose
   * says. */
  readJson(key: string, path: Path, purpose: JsonPurpose): void;
  /** Elements of the array at a path move: what is still to be read within them is not where it was. */
  shiftJson(key: string, path: Path): void;
  /** A list is in use that is not followed: read it when there is time. */
  followList(key: string): void;
  /** A group was created at the end of a stream: read where that was. */
  groupCreated(key: string, group: string, makesStream: boolean): void;
  /** What happens to streams, and what is known of them. */
  readonly streams: StreamEvents;
  /** A command was seen that has no rule of its own. */
  unknownCommand(name: string): void;
  /** A command was seen that cannot be replicated and should have been denied to clients. */
  unreplicable(name: string): void;
}
