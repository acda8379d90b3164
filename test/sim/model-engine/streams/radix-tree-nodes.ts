// How many nodes the engine's radix tree has for the given keys of 16 bytes, which XINFO STREAM shows.

import type { StreamId } from './stream-id.ts';

const KEY_DIGITS = 32;

export function radixTreeNodes(keys: readonly StreamId[]): number {
  if (keys.length === 0) return 1;
  return nodes(
    keys.map((key) => Buffer.from(key.toString(16).padStart(KEY_DIGITS, '0'), 'hex').latin1Slice()),
  );
}

/** Nodes for distinct keys of one length: a run of bytes that all share is one node, each branching one more. */
function nodes(keys: readonly string[]): number {
  const [first = ''] = keys;
  let shared = 0;
  while (shared < first.length && keys.every((key) => key[shared] === first[shared])) shared++;
  const run = shared > 0 ? 1 : 0;
  if (shared === first.length) return run + 1;
  const branches = Map.groupBy(keys, (key) => key[shared]);
  let sum = run + 1;
  for (const branch of branches.values()) sum += nodes(branch.map((key) => key.slice(shared + 1)));
  return sum;
}
