// XADD, XTRIM, XDEL, XSETID, XLEN, XRANGE, XREVRANGE.

import { at, type CommandTable } from '../command-table.ts';
import type { Keyspace } from '../keyspace.ts';
import { indexArgument, integerArgument } from '../numbers.ts';
import {
  array,
  bulk,
  EMPTY,
  integer,
  type ModelReply,
  NO_SUCH_KEY,
  NULL,
  NULL_ARRAY,
  OK,
  Refusal,
  SYNTAX_ERROR,
  wrongArity,
  ZERO,
} from '../reply.ts';
import { NODE_ENTRIES_MAX, Stream, type Trim } from './stream.ts';
import {
  formatId,
  intervalEnd,
  intervalStart,
  MAX_ID,
  MIN_ID,
  newEntryId,
  type StreamId,
  strictId,
} from './stream-id.ts';
import { entriesOf, entryReply } from './stream-replies.ts';

/** An approximate trim without LIMIT removes this many entries at most. */
const TRIM_LIMIT = 100 * NODE_ENTRIES_MAX;

/** Tells the milliseconds of an ID that the engine makes up. */
export type IdClock = (nowMs: number) => number;

interface AddOrTrimOptions {
  readonly trim: Trim | undefined;
  /** Index of the threshold of the trim. */
  readonly thresholdIndex: number;
  readonly create: boolean;
  /** Index of XADD's ID. */
  readonly idIndex: number;
  /** XADD's ID; undefined for `*`. */
  readonly id: ReturnType<typeof newEntryId> | undefined;
}

interface TrimOptions {
  strategy: 'MAXLEN' | 'MINID' | undefined;
  maxLength: number;
  minId: StreamId;
  approximate: boolean;
  limit: number | undefined;
  thresholdIndex: number;
}

/** Reads `MAXLEN|MINID [~|=] threshold` at `i`; returns the index of the threshold. */
function parseThreshold(args: readonly string[], i: number, options: TrimOptions): number {
  if (options.strategy !== undefined) {
    throw new Refusal(
      'ERR syntax error, MAXLEN and MINID options at the same time are not compatible',
    );
  }
  const strategy = at(args, i).toUpperCase() === 'MAXLEN' ? 'MAXLEN' : 'MINID';
  const operator = args[i + 1];
  const operated = i + 2 < args.length && (operator === '~' || operator === '=');
  const index = operated ? i + 2 : i + 1;
  options.approximate = operated && operator === '~';
  if (strategy === 'MAXLEN') {
    options.maxLength = indexArgument(at(args, index));
    if (options.maxLength < 0) throw new Refusal('ERR The MAXLEN argument must be >= 0.');
  } else {
    options.minId = strictId(at(args, index));
  }
  options.strategy = strategy;
  options.thresholdIndex = index;
  return index;
}

function limitArgument(text: string): number {
  const limit = indexArgument(text);
  if (limit < 0) throw new Refusal('ERR The LIMIT argument must be >= 0.');
  return limit;
}

function parseOptions(args: readonly string[], adding: boolean): AddOrTrimOptions {
  const options: TrimOptions = {
    strategy: undefined,
    maxLength: 0,
    minId: MIN_ID,
    approximate: false,
    limit: undefined,
    thresholdIndex: 0,
  };
  let create = true;
  let id: AddOrTrimOptions['id'];
  let i = 2;
  for (; i < args.length; i++) {
    const word = at(args, i).toUpperCase();
    const hasNext = i + 1 < args.length;
    if (adding && word === '*') break;
    if ((word === 'MAXLEN' || word === 'MINID') && hasNext) {
      i = parseThreshold(args, i, options);
    } else if (word === 'LIMIT' && hasNext) {
      options.limit = limitArgument(at(args, ++i));
    } else if (adding && word === 'NOMKSTREAM') {
      create = false;
    } else if (adding) {
      id = newEntryId(at(args, i));
      break;
    } else {
      throw SYNTAX_ERROR;
    }
  }
  const trim = trimOf(options, adding);
  return { trim, thresholdIndex: options.thresholdIndex, create, idIndex: i, id };
}

function trimOf(options: TrimOptions, adding: boolean): Trim | undefined {
  const { strategy, maxLength, minId, approximate, limit } = options;
  if (strategy === undefined) {
    if (limit !== undefined && limit > 0) {
      throw new Refusal(
        'ERR syntax error, LIMIT cannot be used without specifying a trimming strategy',
      );
    }
    if (!adding) {
      throw new Refusal('ERR syntax error, XTRIM must be called with a trimming strategy');
    }
  }
  if (limit !== undefined && !approximate) {
    throw new Refusal('ERR syntax error, LIMIT cannot be used without the special ~ option');
  }
  if (strategy === undefined) return undefined;
  return {
    strategy,
    maxLength,
    minId,
    approximate,
    limit: approximate ? (limit ?? TRIM_LIMIT) : 0,
  };
}

/** `~ threshold` as `= what was reached`. */
function rewriteTrim(args: string[], stream: Stream, trim: Trim, thresholdIndex: number): void {
  args[thresholdIndex - 1] = '=';
  args[thresholdIndex] =
    trim.strategy === 'MAXLEN' ? String(stream.length) : formatId(stream.firstKeptId);
}

function add(space: Keyspace, args: readonly string[], clock: IdClock): ModelReply {
  const { trim, thresholdIndex, create, idIndex, id: given } = parseOptions(args, true);
  const fields = args.slice(idIndex + 1);
  if (fields.length === 0 || fields.length % 2 === 1) throw wrongArity('xadd');
  if (given?.sequenceGiven && given.id === MIN_ID) {
    throw new Refusal('ERR The ID specified in XADD must be greater than 0-0');
  }
  const key = at(args, 1);
  let stream = space.findStream(key);
  if (stream === undefined) {
    if (!create) return NULL;
    stream = new Stream();
    space.put(key, { type: 'stream', stream });
  }
  if (stream.lastId === MAX_ID) {
    throw new Refusal(
      'ERR The stream has exhausted the last possible ID, unable to add more items',
    );
  }
  const made = given === undefined ? stream.nextId(clock(space.nowMs)) : undefined;
  const id = made ?? (given?.sequenceGiven ? given.id : stream.nextIdAt(given?.id ?? MIN_ID));
  if (id === undefined || id <= stream.lastId) {
    throw new Refusal(
      'ERR The ID specified in XADD is equal or smaller than the target stream top item',
    );
  }
  stream.append(id, fields);
  space.changed(key);
  const rewritten = [...args];
  if (trim !== undefined) stream.trim(trim);
  if (trim?.approximate) rewriteTrim(rewritten, stream, trim, thresholdIndex);
  if (!given?.sequenceGiven) rewritten[idIndex] = formatId(id);
  space.rewritten = rewritten;
  return bulk(formatId(id));
}

function trimStream(space: Keyspace, args: readonly string[]): ModelReply {
  const { trim, thresholdIndex } = parseOptions(args, false);
  const key = at(args, 1);
  const stream = space.findStream(key);
  if (stream === undefined || trim === undefined) return ZERO;
  const deleted = stream.trim(trim);
  if (deleted > 0) {
    if (trim.approximate) {
      const rewritten = [...args];
      rewriteTrim(rewritten, stream, trim, thresholdIndex);
      space.rewritten = rewritten;
    }
    space.changed(key);
  }
  return integer(deleted);
}

function remove(space: Keyspace, args: readonly string[]): ModelReply {
  const key = at(args, 1);
  const stream = space.findStream(key);
  if (stream === undefined) return ZERO;
  const deleted = stream.delete(args.slice(2).map((text) => strictId(text)));
  if (deleted > 0) space.changed(key);
  return integer(deleted);
}

function setLastId(space: Keyspace, args: readonly string[]): ModelReply {
  const id = strictId(at(args, 2));
  let added: bigint | undefined;
  let maxDeletedId = MIN_ID;
  for (let i = 3; i < args.length; i += 2) {
    const word = at(args, i).toUpperCase();
    if (word === 'ENTRIESADDED' && i + 1 < args.length) {
      added = BigInt(integerArgument(at(args, i + 1)));
      if (added < 0n) throw new Refusal('ERR entries_added must be positive');
    } else if (word === 'MAXDELETEDID' && i + 1 < args.length) {
      maxDeletedId = strictId(at(args, i + 1));
      if (id < maxDeletedId) {
        throw new Refusal(
          'ERR The ID specified in XSETID is smaller than the provided max_deleted_entry_id',
        );
      }
    } else {
      throw SYNTAX_ERROR;
    }
  }
  const stream = space.findStream(at(args, 1));
  if (stream === undefined) throw NO_SUCH_KEY;
  if (stream.length > 0 && id < stream.lastEntryId) {
    throw new Refusal('ERR The ID specified in XSETID is smaller than the target stream top item');
  }
  if (stream.length > 0 && added !== undefined && BigInt(stream.length) > added) {
    throw new Refusal(
      'ERR The entries_added specified in XSETID is smaller than the target stream length',
    );
  }
  stream.lastId = id;
  if (added !== undefined) stream.entriesAdded = added;
  if (maxDeletedId !== MIN_ID) stream.maxDeletedId = maxDeletedId;
  // Propagated, but those who watch the key are not told.
  space.dirty++;
  return OK;
}

function range(space: Keyspace, args: readonly string[], reversed: boolean): ModelReply {
  const start = intervalStart(at(args, reversed ? 3 : 2));
  const end = intervalEnd(at(args, reversed ? 2 : 3));
  let count: number | undefined;
  for (let i = 4; i < args.length; i += 2) {
    if (at(args, i).toUpperCase() !== 'COUNT' || i + 1 >= args.length) throw SYNTAX_ERROR;
    count = Math.max(0, indexArgument(at(args, i + 1)));
  }
  const stream = space.findStream(at(args, 1));
  if (stream === undefined) return EMPTY;
  if (count === 0) return NULL_ARRAY;
  return array(entriesOf(stream, start, end, count ?? 0, reversed).map(entryReply));
}

/** The commands on entries; `clock` tells the milliseconds of the IDs of XADD with `*`. */
export function streamEntryCommands(clock: IdClock): CommandTable {
  return {
    XADD: [-5, (space, args) => add(space, args, clock)],
    XTRIM: [-4, trimStream],
    XDEL: [-3, remove],
    XSETID: [-3, setLastId],
    XLEN: [2, (space, args) => integer(space.findStream(at(args, 1))?.length ?? 0)],
    XRANGE: [-4, (space, args) => range(space, args, false)],
    XREVRANGE: [-4, (space, args) => range(space, args, true)],
  };
}
