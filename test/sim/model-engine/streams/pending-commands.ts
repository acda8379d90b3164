// XACK, XCLAIM, XAUTOCLAIM, XPENDING: entries that wait for an acknowledgement.

import { at, type CommandTable } from '../command-table.ts';
import type { Keyspace } from '../keyspace.ts';
import { indexArgument, parseInt64 } from '../numbers.ts';
import {
  array,
  bigInteger,
  bulk,
  bulks,
  EMPTY,
  integer,
  type ModelReply,
  NULL,
  NULL_ARRAY,
  Refusal,
  SYNTAX_ERROR,
  ZERO,
} from '../reply.ts';
import type { Consumer, PendingEntry } from './consumer-group.ts';
import { type NamedGroup, propagateClaim, propagatePosition } from './group-effects.ts';
import type { Stream } from './stream.ts';
import {
  formatId,
  intervalEnd,
  intervalStart,
  MIN_ID,
  parseStrictId,
  type StreamId,
  strictId,
} from './stream-id.ts';
import { entryAt, entryReply, idReply } from './stream-replies.ts';

const CLAIM_COUNT = 100;
const CLAIM_COUNT_MAX = Math.floor(Number(2n ** 63n - 1n) / 16);
/** XAUTOCLAIM looks at this many pending entries for each that it may claim. */
const ATTEMPTS_PER_CLAIM = 10;

interface FoundGroup extends NamedGroup {
  readonly stream: Stream;
}

function findGroup(space: Keyspace, args: readonly string[]): FoundGroup | undefined {
  const [, key = '', name = ''] = args;
  const stream = space.findStream(key);
  const group = stream?.groups.get(name);
  return stream === undefined || group === undefined ? undefined : { key, name, stream, group };
}

function existingGroup(space: Keyspace, args: readonly string[]): FoundGroup {
  const found = findGroup(space, args);
  if (found !== undefined) return found;
  throw new Refusal(`NOGROUP No such key '${at(args, 1)}' or consumer group '${at(args, 2)}'`);
}

function integerOption(text: string, message: string): number {
  const value = parseInt64(text);
  if (value === undefined) throw new Refusal(message);
  return Number(value);
}

function acknowledge(space: Keyspace, args: readonly string[]): ModelReply {
  const group = findGroup(space, args)?.group;
  if (group === undefined) return ZERO;
  const ids = args.slice(3).map((text) => strictId(text));
  const acknowledged = ids.filter((id) => group.pending.delete(id)).length;
  space.dirty += acknowledged;
  return integer(acknowledged);
}

interface Claim {
  readonly consumerName: string;
  readonly minIdleMs: number;
  readonly deliveredMs: number;
  /** The count of deliveries to set; undefined: one more, unless only IDs are asked for. */
  readonly deliveries: bigint | undefined;
  readonly justIds: boolean;
}

/** Gives the entry to the claiming consumer, or undefined if it has not been idle for long enough. */
function claimOne(
  space: Keyspace,
  found: FoundGroup,
  claim: Claim,
  id: StreamId,
  idText: string,
  state: PendingEntry | undefined,
): ModelReply | undefined {
  const { group, stream } = found;
  const tooFresh = state !== undefined && space.nowMs - state.deliveredMs < claim.minIdleMs;
  if (claim.minIdleMs > 0 && tooFresh) return undefined;
  const { consumer } = group.seen(claim.consumerName, space.nowMs);
  const former = state?.deliveries ?? 1n;
  const pending = {
    consumer,
    deliveredMs: claim.deliveredMs,
    deliveries: claim.deliveries ?? (claim.justIds ? former : former + 1n),
  };
  group.pending.set(id, pending);
  propagateClaim(space, found, idText, pending);
  if (claim.justIds) return idReply(id);
  const entry = entryAt(stream, id);
  return entry === undefined ? NULL : entryReply(entry);
}

/** A pending entry that the stream no longer has is forgotten, and that is propagated. */
function forget(
  space: Keyspace,
  found: FoundGroup,
  id: StreamId,
  idText: string,
  state: PendingEntry,
): void {
  propagateClaim(space, found, idText, state);
  found.group.pending.delete(id);
}

interface ClaimOptions extends Claim {
  readonly force: boolean;
  readonly lastId: StreamId;
}

function parseClaimOptions(
  args: readonly string[],
  first: number,
  minIdleMs: number,
  nowMs: number,
): ClaimOptions {
  let deliveredMs = -1;
  let retryCount = -1n;
  let force = false;
  let justIds = false;
  let lastId = MIN_ID;
  for (let i = first; i < args.length; i++) {
    const word = at(args, i).toUpperCase();
    const hasNext = i + 1 < args.length;
    if (word === 'FORCE') force = true;
    else if (word === 'JUSTID') justIds = true;
    else if (word === 'IDLE' && hasNext) {
      deliveredMs = nowMs - integerOption(at(args, ++i), invalidOption('IDLE'));
    } else if (word === 'TIME' && hasNext) {
      deliveredMs = integerOption(at(args, ++i), invalidOption('TIME'));
    } else if (word === 'RETRYCOUNT' && hasNext) {
      const count = parseInt64(at(args, ++i));
      if (count === undefined) throw new Refusal(invalidOption('RETRYCOUNT'));
      retryCount = BigInt(count);
    } else if (word === 'LASTID' && hasNext) {
      lastId = strictId(at(args, ++i));
    } else {
      throw new Refusal(`ERR Unrecognized XCLAIM option '${at(args, i)}'`);
    }
  }
  // Times that cannot be are taken as now.
  if (deliveredMs < 0 || deliveredMs > nowMs) deliveredMs = nowMs;
  const deliveries = retryCount < 0n ? undefined : retryCount;
  const consumerName = at(args, 3);
  return { consumerName, minIdleMs, deliveredMs, deliveries, justIds, force, lastId };
}

function invalidOption(option: string): string {
  return `ERR Invalid ${option} option argument for XCLAIM`;
}

function minIdleArgument(text: string, command: string): number {
  return Math.max(0, integerOption(text, `ERR Invalid min-idle-time argument for ${command}`));
}

function claim(space: Keyspace, args: readonly string[]): ModelReply {
  const found = existingGroup(space, args);
  const minIdleMs = minIdleArgument(at(args, 4), 'XCLAIM');
  const ids: StreamId[] = [];
  for (let i = 5; i < args.length; i++) {
    const id = parseStrictId(at(args, i));
    if (id === undefined) break;
    ids.push(id);
  }
  const options = parseClaimOptions(args, 5 + ids.length, minIdleMs, space.nowMs);
  space.forced = 'never';
  const { group, stream } = found;
  const advanced = options.lastId > group.lastId;
  if (advanced) group.lastId = options.lastId;
  const effectsBefore = space.effects.length;
  const replies: ModelReply[] = [];
  for (const [i, id] of ids.entries()) {
    const idText = at(args, 5 + i);
    const state = group.pending.get(id);
    if (!stream.has(id)) {
      if (state !== undefined) forget(space, found, id, idText, state);
    } else if (state !== undefined || options.force) {
      const reply = claimOne(space, found, options, id, idText, state);
      if (reply !== undefined) replies.push(reply);
    }
  }
  // Each claim tells the group's last ID too.
  if (advanced && space.effects.length === effectsBefore) propagatePosition(space, found);
  return array(replies);
}

function autoClaim(space: Keyspace, args: readonly string[]): ModelReply {
  // The key may expire even where the arguments are refused.
  space.find(at(args, 1));
  const minIdleMs = minIdleArgument(at(args, 4), 'XAUTOCLAIM');
  const start = intervalStart(at(args, 5));
  let count = CLAIM_COUNT;
  let justIds = false;
  for (let i = 6; i < args.length; i++) {
    const word = at(args, i).toUpperCase();
    if (word === 'COUNT' && i + 1 < args.length) count = claimCount(at(args, ++i));
    else if (word === 'JUSTID') justIds = true;
    else throw SYNTAX_ERROR;
  }
  const found = existingGroup(space, args);
  space.forced = 'never';
  const claimed: ModelReply[] = [];
  const gone: ModelReply[] = [];
  const options: Claim = {
    consumerName: at(args, 3),
    minIdleMs,
    deliveredMs: space.nowMs,
    deliveries: undefined,
    justIds,
  };
  const pending = found.group.pendingFrom(start);
  let next = 0;
  for (; next < pending.length && next < count * ATTEMPTS_PER_CLAIM; next++) {
    if (claimed.length + gone.length === count) break;
    const [id, state] = pending[next] as [StreamId, PendingEntry];
    if (!found.stream.has(id)) {
      forget(space, found, id, formatId(id), state);
      gone.push(idReply(id));
      continue;
    }
    const reply = claimOne(space, found, options, id, formatId(id), state);
    if (reply !== undefined) claimed.push(reply);
  }
  return array([idReply(pending[next]?.[0] ?? MIN_ID), array(claimed), array(gone)]);
}

function claimCount(text: string): number {
  const count = integerOption(text, 'ERR COUNT must be > 0');
  if (count < 1 || count > CLAIM_COUNT_MAX) throw new Refusal('ERR COUNT must be > 0');
  return count;
}

interface PendingQuery {
  readonly minIdleMs: number;
  readonly start: StreamId;
  readonly end: StreamId;
  readonly count: number;
  readonly consumerName: string | undefined;
}

function parsePendingQuery(args: readonly string[]): PendingQuery | undefined {
  if (args.length === 3) return undefined;
  if (args.length < 6 || args.length > 9) throw SYNTAX_ERROR;
  let first = 3;
  let minIdleMs = 0;
  if (at(args, 3).toUpperCase() === 'IDLE') {
    minIdleMs = indexArgument(at(args, 4));
    if (args.length < 8) throw SYNTAX_ERROR;
    first = 5;
  }
  const count = Math.max(0, indexArgument(at(args, first + 2)));
  const start = intervalStart(at(args, first));
  const end = intervalEnd(at(args, first + 1));
  return { minIdleMs, start, end, count, consumerName: args[first + 3] };
}

function pending(space: Keyspace, args: readonly string[]): ModelReply {
  const query = parsePendingQuery(args);
  const { group } = existingGroup(space, args);
  if (query === undefined) return pendingSummary(group);
  const { minIdleMs, start, end, count, consumerName } = query;
  let consumer: Consumer | undefined;
  if (consumerName !== undefined) {
    consumer = group.consumers.get(consumerName);
    if (consumer === undefined) return EMPTY;
  }
  const isIdle = (deliveredMs: number) => space.nowMs - deliveredMs >= minIdleMs;
  const shown = group
    .pendingFrom(start, consumer)
    .filter(([id, state]) => id <= end && (minIdleMs === 0 || isIdle(state.deliveredMs)));
  return array(
    shown
      .slice(0, count)
      .map(([id, state]) =>
        array([
          idReply(id),
          bulk(state.consumer.name),
          integer(Math.max(0, space.nowMs - state.deliveredMs)),
          bigInteger(state.deliveries),
        ]),
      ),
  );
}

function pendingSummary(group: FoundGroup['group']): ModelReply {
  const all = group.pendingFrom(MIN_ID);
  const [first] = all[0] ?? [];
  const [last] = all.at(-1) ?? [];
  if (first === undefined || last === undefined) return array([ZERO, NULL, NULL, NULL_ARRAY]);
  const consumers = group.consumersByName().flatMap((consumer) => {
    const count = group.pendingFrom(MIN_ID, consumer).length;
    return count === 0 ? [] : [bulks([consumer.name, String(count)])];
  });
  return array([integer(all.length), idReply(first), idReply(last), array(consumers)]);
}

export const STREAM_PENDING_COMMANDS: CommandTable = {
  XACK: [-4, acknowledge],
  XCLAIM: [-6, claim],
  XAUTOCLAIM: [-6, autoClaim],
  XPENDING: [-3, pending],
};
