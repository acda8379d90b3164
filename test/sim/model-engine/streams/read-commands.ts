// XREAD and XREADGROUP. They never wait: BLOCK is answered as inside MULTI.

import { at, type CommandTable } from '../command-table.ts';
import type { Keyspace } from '../keyspace.ts';
import { indexArgument } from '../numbers.ts';
import { array, bulk, type ModelReply, NULL_ARRAY, Refusal, SYNTAX_ERROR } from '../reply.ts';
import { checkTimeoutMs } from '../timeouts.ts';
import type { Consumer } from './consumer-group.ts';
import {
  type NamedGroup,
  propagateClaim,
  propagateConsumer,
  propagatePosition,
} from './group-effects.ts';
import type { Stream, StreamEntry } from './stream.ts';
import { formatId, MAX_ID, MIN_ID, type StreamId, strictId } from './stream-id.ts';
import { entriesOf, entryAt, entryReply, idReply } from './stream-replies.ts';

interface ReadOptions {
  readonly group: string | undefined;
  readonly consumer: string;
  readonly acknowledge: boolean;
  /** 0: all. */
  readonly count: number;
  readonly keys: readonly string[];
  readonly ids: readonly string[];
}

function onlyInGroups(option: string): Refusal {
  return new Refusal(
    `ERR The ${option} option is only supported by XREADGROUP. You called XREAD instead.`,
  );
}

function parseOptions(args: readonly string[], inGroup: boolean): ReadOptions {
  let group: string | undefined;
  let consumer = '';
  let acknowledge = true;
  let count = 0;
  for (let i = 1; i < args.length; i++) {
    const word = at(args, i).toUpperCase();
    const following = args.length - i - 1;
    if (word === 'BLOCK' && following > 0) {
      checkTimeoutMs(at(args, ++i));
    } else if (word === 'COUNT' && following > 0) {
      count = Math.max(0, indexArgument(at(args, ++i)));
    } else if (word === 'STREAMS' && following > 0) {
      const { keys, ids } = keysAndIds(args.slice(i + 1));
      if (inGroup && group === undefined) {
        throw new Refusal('ERR Missing GROUP option for XREADGROUP');
      }
      return { group, consumer, acknowledge, count, keys, ids };
    } else if (word === 'GROUP' && following > 1) {
      if (!inGroup) throw onlyInGroups('GROUP');
      group = at(args, ++i);
      consumer = at(args, ++i);
    } else if (word === 'NOACK') {
      if (!inGroup) throw onlyInGroups('NOACK');
      acknowledge = false;
    } else {
      throw SYNTAX_ERROR;
    }
  }
  throw SYNTAX_ERROR;
}

function keysAndIds(rest: readonly string[]) {
  if (rest.length % 2 === 1) {
    throw new Refusal(
      "ERR Unbalanced XREAD list of streams: for each stream key an ID or '$' must be specified.",
    );
  }
  return { keys: rest.slice(0, rest.length / 2), ids: rest.slice(rest.length / 2) };
}

/** The ID after which a stream is read; the greatest stands for `>`. */
function startOf(text: string, stream: Stream | undefined, inGroup: boolean): StreamId {
  if (text === '$') {
    if (!inGroup) return stream?.lastId ?? MIN_ID;
    throw new Refusal(
      'ERR The $ ID is meaningless in the context of XREADGROUP: you want to read the history of this consumer by specifying a proper ID, or use the > ID to get new messages. The $ ID would just return an empty result set.',
    );
  }
  if (text === '>') {
    if (inGroup) return MAX_ID;
    throw new Refusal(
      'ERR The > ID can be specified only when calling XREADGROUP using the GROUP <group> <consumer> option.',
    );
  }
  return strictId(text);
}

function read(space: Keyspace, args: readonly string[]): ModelReply {
  const { keys, ids, count } = parseOptions(args, false);
  const starts = ids.map((id, i) => startOf(id, space.findStream(at(keys, i)), false));
  const replies: ModelReply[] = [];
  for (const [i, key] of keys.entries()) {
    const stream = space.findStream(key);
    const start = starts[i] as StreamId;
    if (stream === undefined || stream.lastEntryId <= start) continue;
    const entries = entriesOf(stream, start + 1n, MAX_ID, count);
    replies.push(array([bulk(key), array(entries.map(entryReply))]));
  }
  return replies.length === 0 ? NULL_ARRAY : array(replies);
}

interface GroupRead {
  readonly named: NamedGroup;
  readonly stream: Stream;
  readonly start: StreamId;
}

function readGroup(space: Keyspace, args: readonly string[]): ModelReply {
  // It propagates what it changes in the group, never itself.
  space.forced = 'never';
  const options = parseOptions(args, true);
  const reads = options.keys.map((key, i) => groupRead(space, key, at(options.ids, i), options));
  const replies: ModelReply[] = [];
  for (const each of reads) {
    const entries = serve(space, each, options);
    if (entries !== undefined) replies.push(array([bulk(each.named.key), array(entries)]));
  }
  return replies.length === 0 ? NULL_ARRAY : array(replies);
}

function groupRead(space: Keyspace, key: string, id: string, options: ReadOptions): GroupRead {
  const name = options.group as string;
  const stream = space.findStream(key);
  const group = stream?.groups.get(name);
  if (stream === undefined || group === undefined) {
    throw new Refusal(
      `NOGROUP No such key '${key}' or consumer group '${name}' in XREADGROUP with GROUP option`,
    );
  }
  return { named: { key, name, group }, stream, start: startOf(id, stream, true) };
}

/** What the group's consumer gets of a stream; undefined if that is nothing new. */
function serve(
  space: Keyspace,
  { named, stream, start }: GroupRead,
  { consumer: consumerName, acknowledge, count }: ReadOptions,
): ModelReply[] | undefined {
  const { group } = named;
  const history = start !== MAX_ID;
  if (!history && (stream.length === 0 || stream.lastEntryId <= group.lastId)) return undefined;
  const { consumer, created } = group.seen(consumerName, space.nowMs);
  if (created && !acknowledge) propagateConsumer(space, named, consumerName);
  if (history) return readHistory(space, stream, named, consumer, start, count);
  const entries = entriesOf(stream, group.lastId + 1n, MAX_ID, count);
  const before = group.lastId;
  for (const entry of entries) deliver(space, stream, named, consumer, entry, acknowledge);
  if (!acknowledge && group.lastId !== before) propagatePosition(space, named);
  return entries.map(entryReply);
}

function deliver(
  space: Keyspace,
  stream: Stream,
  named: NamedGroup,
  consumer: Consumer,
  { id }: StreamEntry,
  acknowledge: boolean,
): void {
  const { group } = named;
  if (id > group.lastId) {
    if (group.entriesRead !== undefined && !stream.hasDeletedFrom(id)) group.entriesRead++;
    else if (stream.entriesAdded !== 0n) group.entriesRead = stream.entriesUpTo(id);
    group.lastId = id;
  }
  if (!acknowledge) return;
  const pending = { consumer, deliveredMs: space.nowMs, deliveries: 1n };
  group.pending.set(id, pending);
  propagateClaim(space, named, formatId(id), pending);
}

/** What the consumer was given after `start` and has not acknowledged. Not propagated, though it counts. */
function readHistory(
  space: Keyspace,
  stream: Stream,
  { group }: NamedGroup,
  consumer: Consumer,
  start: StreamId,
  count: number,
): ModelReply[] {
  const pending = group.pendingFrom(start + 1n, consumer);
  return (count === 0 ? pending : pending.slice(0, count)).map(([id, state]) => {
    const entry = entryAt(stream, id);
    if (entry === undefined) return array([idReply(id), NULL_ARRAY]);
    state.deliveredMs = space.nowMs;
    state.deliveries++;
    return entryReply(entry);
  });
}

export const STREAM_READ_COMMANDS: CommandTable = {
  XREAD: [-4, read],
  XREADGROUP: [-7, readGroup],
};
