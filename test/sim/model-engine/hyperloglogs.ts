// PFADD, PFCOUNT and PFMERGE.

import { at, type CommandTable } from './command-table.ts';
import { CorruptHyperLogLog, estimate, HyperLogLog, noRegisters } from './hyperloglog.ts';
import type { Keyspace } from './keyspace.ts';
import { bigInteger, type ModelReply, OK, ONE, Refusal, ZERO } from './reply.ts';

const NOT_ONE = new Refusal('WRONGTYPE Key is not a valid HyperLogLog string value.');
const CORRUPT = new Refusal('INVALIDOBJ Corrupted HLL object detected');

function find(space: Keyspace, key: string): HyperLogLog | undefined {
  const value = space.findString(key);
  if (value === undefined) return undefined;
  const found = HyperLogLog.parse(value.text);
  if (found === undefined) throw NOT_ONE;
  return found;
}

/** Stores what a command made of the value at `key`, whose expiry stays. */
function store(space: Keyspace, key: string, { text }: HyperLogLog): void {
  const value = space.findString(key);
  if (value === undefined) space.put(key, { type: 'string', text });
  else value.text = text;
}

function refusingCorrupt<T>(run: () => T): T {
  try {
    return run();
  } catch (error) {
    throw error instanceof CorruptHyperLogLog ? CORRUPT : error;
  }
}

function add(space: Keyspace, args: readonly string[]): ModelReply {
  const key = at(args, 1);
  const found = find(space, key);
  const log = found ?? HyperLogLog.empty();
  let changed = found === undefined;
  try {
    for (let i = 2; i < args.length; i++) {
      if (refusingCorrupt(() => log.add(at(args, i)))) changed = true;
    }
  } catch (error) {
    // What was added before the corruption was met stays, and nobody is told.
    store(space, key, log);
    throw error;
  }
  if (!changed) return ZERO;
  log.forgetCardinality();
  store(space, key, log);
  space.changed(key);
  return ONE;
}

function count(space: Keyspace, args: readonly string[]): ModelReply {
  if (args.length > 2) return countUnion(space, args.slice(1));
  const key = at(args, 1);
  const log = find(space, key);
  if (log === undefined) return ZERO;
  let cardinality = log.cachedCardinality;
  if (cardinality === undefined) {
    const counted = refusingCorrupt(() => log.cardinality());
    log.cacheCardinality(counted);
    store(space, key, log);
    // A read that writes: the refreshed header is propagated.
    space.changed(key);
    cardinality = counted;
  }
  return bigInteger(BigInt.asIntN(64, cardinality));
}

function countUnion(space: Keyspace, keys: readonly string[]): ModelReply {
  const registers = noRegisters();
  for (const key of keys) {
    const log = find(space, key);
    if (log !== undefined) refusingCorrupt(() => log.mergeInto(registers));
  }
  return bigInteger(estimate(registers));
}

function merge(space: Keyspace, args: readonly string[]): ModelReply {
  const registers = noRegisters();
  let anyDense = false;
  for (let i = 1; i < args.length; i++) {
    const source = find(space, at(args, i));
    if (source === undefined) continue;
    if (source.isDense) anyDense = true;
    refusingCorrupt(() => source.mergeInto(registers));
  }
  const target = at(args, 1);
  const log = find(space, target) ?? HyperLogLog.empty();
  if (anyDense) log.makeDense();
  for (const [index, value] of registers.entries()) if (value > 0) log.raise(index, value);
  log.forgetCardinality();
  store(space, target, log);
  space.changed(target);
  return OK;
}

export const HYPERLOGLOG_COMMANDS: CommandTable = {
  PFADD: [-2, add],
  PFCOUNT: [-2, count],
  PFMERGE: [-2, merge],
};
