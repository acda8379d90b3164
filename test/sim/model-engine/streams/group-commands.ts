// XGROUP.

import { at, type CommandTable } from '../command-table.ts';
import type { Keyspace } from '../keyspace.ts';
import { integerArgument } from '../numbers.ts';
import { integer, type ModelReply, OK, ONE, Refusal, subcommandSyntax, ZERO } from '../reply.ts';
import { ConsumerGroup } from './consumer-group.ts';
import { Stream } from './stream.ts';
import { anyId, MIN_ID, strictId } from './stream-id.ts';

interface Target {
  readonly key: string;
  readonly name: string;
  /** Undefined only where CREATE makes it. */
  readonly stream: Stream | undefined;
  readonly create: boolean;
  readonly entriesRead: bigint | undefined;
}

/** Reads the options of CREATE and SETID, then finds the stream. */
function parseTarget(space: Keyspace, args: readonly string[], mayCreate: boolean): Target {
  let create = false;
  let entriesRead: bigint | undefined;
  for (let i = 5; i < args.length; i++) {
    const word = at(args, i).toUpperCase();
    if (mayCreate && word === 'MKSTREAM') create = true;
    else if (word === 'ENTRIESREAD' && i + 1 < args.length) {
      entriesRead = entriesReadArgument(at(args, ++i));
    } else {
      throw subcommandSyntax(args);
    }
  }
  return { ...find(space, args, create), create, entriesRead };
}

function entriesReadArgument(text: string): bigint | undefined {
  const value = BigInt(integerArgument(text));
  if (value < -1n) throw new Refusal('ERR value for ENTRIESREAD must be positive or -1');
  return value === -1n ? undefined : value;
}

function find(space: Keyspace, args: readonly string[], mayMiss: boolean) {
  const [, , key = '', name = ''] = args;
  const stream = space.findStream(key);
  if (stream === undefined && !mayMiss) {
    throw new Refusal(
      'ERR The XGROUP subcommand requires the key to exist. Note that for CREATE you may want to use the MKSTREAM option to create an empty stream automatically.',
    );
  }
  return { key, name, stream };
}

function existing({ key, name, stream }: Pick<Target, 'key' | 'name' | 'stream'>): ConsumerGroup {
  const group = stream?.groups.get(name);
  if (group !== undefined) return group;
  throw new Refusal(`NOGROUP No such consumer group '${name}' for key name '${key}'`);
}

function create(space: Keyspace, args: readonly string[]): ModelReply {
  const target = parseTarget(space, args, true);
  if (args.length > 8) throw subcommandSyntax(args);
  const idText = at(args, 4);
  const id = idText === '$' ? (target.stream?.lastId ?? MIN_ID) : strictId(idText);
  let { stream } = target;
  if (stream === undefined) {
    stream = new Stream();
    space.put(target.key, { type: 'stream', stream });
    space.touch(target.key);
  }
  if (stream.groups.has(target.name)) {
    throw new Refusal('BUSYGROUP Consumer Group name already exists');
  }
  stream.groups.set(target.name, new ConsumerGroup(id, target.entriesRead));
  // Groups are propagated, but those who watch the key are not told of them.
  space.dirty++;
  return OK;
}

function setId(space: Keyspace, args: readonly string[]): ModelReply {
  const target = parseTarget(space, args, false);
  const group = existing(target);
  if (args.length !== 5 && args.length !== 7) throw subcommandSyntax(args);
  const idText = at(args, 4);
  group.lastId = idText === '$' ? (target.stream?.lastId ?? MIN_ID) : anyId(idText);
  group.entriesRead = target.entriesRead;
  space.dirty++;
  return OK;
}

function destroy(space: Keyspace, args: readonly string[]): ModelReply {
  const { stream, name } = find(space, args, false);
  if (stream?.groups.delete(name) !== true) return ZERO;
  space.dirty++;
  return ONE;
}

function createConsumer(space: Keyspace, args: readonly string[]): ModelReply {
  const group = existing(find(space, args, false));
  const name = at(args, 4);
  if (group.consumers.has(name)) return ZERO;
  group.seen(name, space.nowMs);
  space.dirty++;
  return ONE;
}

function removeConsumer(space: Keyspace, args: readonly string[]): ModelReply {
  const group = existing(find(space, args, false));
  const consumer = group.consumers.get(at(args, 4));
  if (consumer === undefined) return ZERO;
  space.dirty++;
  return integer(group.removeConsumer(consumer));
}

export const STREAM_GROUP_COMMANDS: CommandTable = {
  'XGROUP|CREATE': [-5, create],
  'XGROUP|SETID': [-5, setId],
  'XGROUP|DESTROY': [4, destroy],
  'XGROUP|CREATECONSUMER': [5, createConsumer],
  'XGROUP|DELCONSUMER': [5, removeConsumer],
};
