// The keys on which every op had observed the one before it: nearly all. Nothing of an op is kept but its
// dot: the last one's tells whether a new op has observed them all, because delivery is causal. Only where that is
// not so is the chain read again, from the log (docs/decisions/018-memory-of-an-outage.md).

import { JSON_KINDS, OpKind, observed, STREAM_KINDS, type Stamp } from '../../../model/op.ts';
import type { Slot, VersionVector } from '../../../model/version-vector.ts';
import { removesUnseen } from '../hyperloglogs/removals.ts';
import { ASSIGNS_ALL, assignsWhole, isListOp, KeyEntry, replacesAll } from '../key-entry.ts';
import type { LiveOp } from '../live-op.ts';
import type { OpHistory } from '../op-history.ts';
import { ChainNodes, type ChainNodesOptions } from './chain-nodes.ts';
import { ChainShard } from './chain-shard.ts';
import { NO_DOT, packDot, seqOf, slotOf } from './dot.ts';

/** Each grows for itself, so none of them stops everything for long. */
const SHARDS = 64;
/** So many records are looked at in one go, to see whether they are stable. */
const SWEEP_RECORDS = 8192;

const HOLDS_UNKNOWN = 1;
const HOLDS_LIST = 2;
const HOLDS_STREAM = 4;
const HOLDS_JSON = 8;
/** The last op is a SET that left nothing of what was there before. */
const ENDS_IN_SET = 16;
const HOLDS_PLACES = HOLDS_LIST | HOLDS_STREAM | HOLDS_JSON;

/** What is known of a chain without reading it. */
export interface ChainView {
  /** Of the last op. */
  readonly origin: Slot;
  readonly seq: number;
  readonly lastLocal: number;
  readonly holdsUnknown: boolean;
}

export class Chains {
  readonly #self: Slot;
  readonly #history: OpHistory;
  readonly #shards: ChainShard[] = [];
  readonly #nodes: ChainNodes;
  readonly #hashSeed: number;
  #frontier: VersionVector;
  /** Shards that are yet to be swept since the frontier rose, and the next of them. */
  #unswept = 0;
  #nextSwept = 0;
  // Where `seek` has found a key.
  #shard: ChainShard;
  #at = -1;
  #hash = 0;
  #key = '';

  constructor(
    self: Slot,
    members: number,
    history: OpHistory,
    options: ChainNodesOptions & { readonly hashSeed?: number | undefined } = {},
  ) {
    this.#self = self;
    this.#history = history;
    this.#hashSeed = options.hashSeed ?? 0;
    this.#frontier = new Float64Array(members);
    this.#nodes = new ChainNodes(members, options);
    for (let i = 0; i < SHARDS; i++) this.#shards.push(new ChainShard());
    this.#shard = this.#shards[0] as ChainShard;
  }

  get count(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.count, 0);
  }

  /** About what they take in memory. */
  get bytes(): number {
    return this.#shards.reduce((sum, shard) => sum + shard.bytes, this.#nodes.bytes);
  }

  /** What of them is on disk. */
  get storedBytes(): number {
    return this.#nodes.storedBytes;
  }

  /** Whether a key has a chain. What follows speaks of this key, until something changes. */
  seek(key: string): boolean {
    const hash = hashOf(key, this.#hashSeed);
    this.#shard = this.#shards[hash >>> 26] as ChainShard;
    this.#at = this.#shard.find(key, hash);
    this.#hash = hash;
    this.#key = key;
    return this.#at >= 0;
  }

  get view(): ChainView {
    const dot = this.#last;
    return {
      origin: slotOf(dot),
      seq: seqOf(dot),
      lastLocal: this.#shard.lastLocal[this.#at] as number,
      holdsUnknown: this.#has(HOLDS_UNKNOWN),
    };
  }

  get holdsUnknown(): boolean {
    return this.#has(HOLDS_UNKNOWN);
  }

  /** The SET that is all there is to know of the key; undefined: there is more. */
  get onlySet(): ChainView | undefined {
    const isAll = this.#has(ENDS_IN_SET) && this.#shard.node[this.#at] === 0;
    return isAll ? this.view : undefined;
  }

  /** Whether an op stamped so has observed every op on the key. */
  isObservedBy(stamp: Stamp): boolean {
    const dot = this.#last;
    return observed(stamp, { origin: slotOf(dot), seq: seqOf(dot) });
  }

  /** Whether an op that is not causal can only be placed once the length of a list is known. */
  needsLength(op: LiveOp): boolean {
    return isListOp(op) || this.#has(HOLDS_LIST);
  }

  /** Whether an op that is not causal can only be placed once a document is known. */
  needsDocument(op: LiveOp): boolean {
    return op.kind !== OpKind.expire && (JSON_KINDS.has(op.kind) || this.#has(HOLDS_JSON));
  }

  /** Takes in an op that has observed all others on the key, which begins a chain if it has none. */
  append(op: LiveOp): void {
    const isFirst = this.#at < 0;
    if (isFirst) this.#at = this.#shard.add(this.#key, this.#hash);
    const shard = this.#shard;
    const at = this.#at;
    const dot = packDot(op.origin, op.seq);
    shard.flags[at] = flagsAfter(op, shard.flags[at] as number);
    const isRemoval = removesUnseen(op);
    if (!isFirst) {
      // What is named by its place counts what is gone as well: see KeyEntry.append, which does the same.
      const isNeeded = ((shard.flags[at] as number) & HOLDS_PLACES) !== 0;
      if (!replacesAll(op) || isNeeded) {
        shard.node[at] = this.#nodes.add(shard.last[at] as number, shard.node[at] as number);
      } else {
        const removal = shard.removal[at] as number;
        const isKept = !isRemoval && removal !== NO_DOT;
        shard.node[at] = isKept ? this.#nodes.add(removal, 0) : 0;
      }
    }
    shard.last[at] = dot;
    if (isRemoval) shard.removal[at] = dot;
    if (op.origin === this.#self) shard.lastLocal[at] = op.seq;
  }

  /** The key's chain with its ops, read from the history. */
  read(): KeyEntry {
    const shard = this.#shard;
    const at = this.#at;
    const dots = [shard.last[at] as number];
    for (let node = shard.node[at] as number; node !== 0; ) {
      const step = this.#nodes.at(node);
      // What every member has is not needed, nor is anything before it.
      if (step === undefined || this.#isStable(step.dot)) break;
      dots.push(step.dot);
      node = step.before;
    }
    const ops = dots.reverse().map((dot) => this.#history.read(this.#key, slotOf(dot), seqOf(dot)));
    return KeyEntry.ofChain(this.#key, ops, {
      lastLocal: shard.lastLocal[at] as number,
      holdsUnknown: this.#has(HOLDS_UNKNOWN),
      holdsList: this.#has(HOLDS_LIST),
      holdsStream: this.#has(HOLDS_STREAM),
      holdsJson: this.#has(HOLDS_JSON),
    });
  }

  /** Forgets the key. */
  remove(): void {
    this.#shard.remove(this.#at);
    this.#at = -1;
  }

  /** Every member has what `frontier` covers. */
  stabilise(frontier: VersionVector): void {
    this.#frontier = frontier.slice();
    this.#unswept = SHARDS;
    this.#nodes.release(frontier);
    this.sweep();
  }

  get isSweeping(): boolean {
    return this.#unswept > 0;
  }

  /** Forgets stable chains, a part of them at a time. */
  sweep(): void {
    let looked = 0;
    while (this.#unswept > 0 && looked < SWEEP_RECORDS) {
      const shard = this.#shards[this.#nextSwept] as ChainShard;
      looked += shard.count;
      // From the end: what moves into a hole was looked at already.
      for (let at = shard.count - 1; at >= 0; at--) {
        if (this.#isStable(shard.last[at] as number)) shard.remove(at);
      }
      this.#nextSwept = (this.#nextSwept + 1) % SHARDS;
      this.#unswept--;
    }
    this.#at = -1;
  }

  get #last(): number {
    return this.#shard.last[this.#at] as number;
  }

  #has(flag: number): boolean {
    return ((this.#shard.flags[this.#at] as number) & flag) !== 0;
  }

  #isStable(dot: number): boolean {
    return seqOf(dot) <= (this.#frontier[slotOf(dot)] as number);
  }
}

function flagsAfter(op: LiveOp, before: number): number {
  let flags = before;
  if (isListOp(op)) flags |= HOLDS_LIST;
  else if (STREAM_KINDS.has(op.kind)) flags |= HOLDS_STREAM;
  else if (JSON_KINDS.has(op.kind)) flags |= HOLDS_JSON;
  flags = assignsWhole(op) ? flags | ENDS_IN_SET : flags & ~ENDS_IN_SET;
  if (op.isUnknown) flags |= HOLDS_UNKNOWN;
  else if (ASSIGNS_ALL.has(op.kind)) flags &= ~HOLDS_UNKNOWN;
  return flags;
}

/** FNV-1a with a better end. The seed keeps clients from choosing keys that fall together. */
function hashOf(key: string, seed: number): number {
  let hash = 0x811c9dc5 ^ seed;
  for (let i = 0; i < key.length; i++) {
    hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
