// XINFO.

import { at, type CommandTable } from '../command-table.ts';
import type { Keyspace } from '../keyspace.ts';
import { indexArgument } from '../numbers.ts';
import {
  array,
  bigInteger,
  bulk,
  integer,
  type ModelReply,
  NO_SUCH_KEY,
  NULL,
  Refusal,
  subcommandSyntax,
} from '../reply.ts';
import type { ConsumerGroup } from './consumer-group.ts';
import { radixTreeNodes } from './radix-tree-nodes.ts';
import type { Stream } from './stream.ts';
import { MAX_ID, MIN_ID } from './stream-id.ts';
import { entriesOf, entryReply, idReply } from './stream-replies.ts';

const SHOWN_BY_DEFAULT = 10;

function fields(pairs: readonly (readonly [name: string, value: ModelReply])[]): ModelReply {
  return array(pairs.flatMap(([name, value]) => [bulk(name), value]));
}

function existing(space: Keyspace, args: readonly string[]): Stream {
  const stream = space.findStream(at(args, 2));
  if (stream === undefined) throw NO_SUCH_KEY;
  return stream;
}

function groupsByName(stream: Stream): [string, ConsumerGroup][] {
  return [...stream.groups].sort(([a], [b]) => (a < b ? -1 : 1));
}

function bigIntegerOrNull(value: bigint | undefined): ModelReply {
  return value === undefined ? NULL : bigInteger(value);
}

/** How many entries the group has not read; undefined where that cannot be told. */
function lagOf(stream: Stream, group: ConsumerGroup): bigint | undefined {
  if (stream.entriesAdded === 0n) return 0n;
  const countable = group.entriesRead !== undefined && !stream.hasDeletedFrom(group.lastId);
  const read = countable ? group.entriesRead : stream.entriesUpTo(group.lastId);
  return read === undefined ? undefined : stream.entriesAdded - read;
}

function infoGroups(space: Keyspace, args: readonly string[]): ModelReply {
  const stream = existing(space, args);
  return array(
    groupsByName(stream).map(([name, group]) =>
      fields([
        ['name', bulk(name)],
        ['consumers', integer(group.consumers.size)],
        ['pending', integer(group.pending.size)],
        ['last-delivered-id', idReply(group.lastId)],
        ['entries-read', bigIntegerOrNull(group.entriesRead)],
        ['lag', bigIntegerOrNull(lagOf(stream, group))],
      ]),
    ),
  );
}

function infoConsumers(space: Keyspace, args: readonly string[]): ModelReply {
  const [, , key = '', name = ''] = args;
  const group = existing(space, args).groups.get(name);
  if (group === undefined) {
    throw new Refusal(`NOGROUP No such consumer group '${name}' for key name '${key}'`);
  }
  return array(
    group.consumersByName().map((consumer) =>
      fields([
        ['name', bulk(consumer.name)],
        ['pending', integer(group.pendingFrom(MIN_ID, consumer).length)],
        ['idle', integer(Math.max(0, space.nowMs - consumer.seenMs))],
      ]),
    ),
  );
}

function infoStream(space: Keyspace, args: readonly string[]): ModelReply {
  const stream = existing(space, args);
  const count = fullCount(args);
  const common: [string, ModelReply][] = [
    ['length', integer(stream.length)],
    ['radix-tree-keys', integer(stream.nodes.length)],
    ['radix-tree-nodes', integer(radixTreeNodes(stream.nodes.map((node) => node.key)))],
    ['last-generated-id', idReply(stream.lastId)],
    ['max-deleted-entry-id', idReply(stream.maxDeletedId)],
    ['entries-added', bigInteger(BigInt.asIntN(64, stream.entriesAdded))],
    ['recorded-first-entry-id', idReply(stream.firstId)],
  ];
  if (count !== undefined) {
    const groups = groupsByName(stream).map(([name, group]) =>
      fullGroup(stream, name, group, count),
    );
    const entries = entriesOf(stream, MIN_ID, MAX_ID, count).map(entryReply);
    return fields([...common, ['entries', array(entries)], ['groups', array(groups)]]);
  }
  const [first] = entriesOf(stream, MIN_ID, MAX_ID, 1);
  const [last] = entriesOf(stream, MIN_ID, MAX_ID, 1, true);
  return fields([
    ...common,
    ['groups', integer(stream.groups.size)],
    ['first-entry', first === undefined ? NULL : entryReply(first)],
    ['last-entry', last === undefined ? NULL : entryReply(last)],
  ]);
}

/** How much FULL shows of each list (0: all); undefined without FULL. */
function fullCount(args: readonly string[]): number | undefined {
  if (args.length === 3) return undefined;
  const counted = args.length === 6 && at(args, 4).toUpperCase() === 'COUNT';
  if (at(args, 3).toUpperCase() !== 'FULL' || (args.length !== 4 && !counted)) {
    throw subcommandSyntax(args);
  }
  const count = counted ? indexArgument(at(args, 5)) : SHOWN_BY_DEFAULT;
  return count < 0 ? SHOWN_BY_DEFAULT : count;
}

function fullGroup(stream: Stream, name: string, group: ConsumerGroup, count: number): ModelReply {
  const shown = <T>(items: T[]) => (count === 0 ? items : items.slice(0, count));
  const pending = shown(group.pendingFrom(MIN_ID)).map(([id, state]) =>
    array([
      idReply(id),
      bulk(state.consumer.name),
      integer(state.deliveredMs),
      bigInteger(state.deliveries),
    ]),
  );
  const consumers = group.consumersByName().map((consumer) => {
    const own = group.pendingFrom(MIN_ID, consumer);
    const listed = shown(own).map(([id, { deliveredMs, deliveries }]) =>
      array([idReply(id), integer(deliveredMs), bigInteger(deliveries)]),
    );
    return fields([
      ['name', bulk(consumer.name)],
      ['seen-time', integer(consumer.seenMs)],
      ['pel-count', integer(own.length)],
      ['pending', array(listed)],
    ]);
  });
  return fields([
    ['name', bulk(name)],
    ['last-delivered-id', idReply(group.lastId)],
    ['entries-read', bigIntegerOrNull(group.entriesRead)],
    ['lag', bigIntegerOrNull(lagOf(stream, group))],
    ['pel-count', integer(group.pending.size)],
    ['pending', array(pending)],
    ['consumers', array(consumers)],
  ]);
}

export const STREAM_INFO_COMMANDS: CommandTable = {
  'XINFO|STREAM': [-3, infoStream],
  'XINFO|GROUPS': [3, infoGroups],
  'XINFO|CONSUMERS': [4, infoConsumers],
};
