// Which ops of the log nobody needs any more: those whose key a later SET of the same origin assigned anew, so that
// the live index has forgotten them. A member that gets the SET and not the op comes to what this one has: this one
// decides without the op as well, whatever is still to come.
//
// An op is left out only where the next one on its key is such a SET: nothing runs in an engine that lacks what it
// builds on.

import { isWrite } from '../model/op.ts';
import type { Replicas, Slot } from '../model/version-vector.ts';
import { decodeFrameHeader } from '../wire/frame.ts';
import { decodeOps } from './apply/inbound.ts';
import { assignsWhole } from './live/key-entry.ts';
import type { LiveIndex } from './live/live-index.ts';
import type { LiveOp } from './live/live-op.ts';

const NOTHING: ReadonlySet<number> = new Set();
const CAPACITY_MIN = 1024;
/** Keys that are remembered in a pass: 18 bytes each. Ops on others stay. */
const KEYS_MAX = 4 * 1024 * 1024;

/**
 * For one pass over the frames of a log, from the newest to the oldest: the places of such ops in a frame. The function
 * throws CorruptInput.
 */
export function supersededOps({
  replicas,
  index,
}: {
  readonly replicas: Replicas;
  readonly index: Pick<LiveIndex, 'isSuperseded'>;
}): (frame: Buffer) => ReadonlySet<number> {
  const next = new NextSets();
  return (frame) => {
    const { origin, firstSeq } = decodeFrameHeader(frame);
    const slot = replicas.slotOf(origin);
    if (slot === undefined) return NOTHING;
    const ops: LiveOp[] = [];
    decodeOps(frame, slot, replicas, ops);
    const taken = new Set<number>();
    for (const op of ops.reverse()) {
      if (!isWrite(op.kind)) continue;
      if (next.isSetOf(op.key, slot) && index.isSuperseded(op)) taken.add(op.seq - firstSeq);
      else next.note(op.key, assignsWhole(op) ? slot : undefined);
    }
    return taken;
  };
}

/** Per key, whose SET comes next in the log: open addressing by a hash of 53 bits. Two keys of one hash are taken for
 * one, which costs no more than an op that stays or an engine that refuses one before it is told the last value. */
class NextSets {
  #hashes = new Float64Array(CAPACITY_MIN);
  /** The slot, and 1; 0: the next op is no SET. */
  #sets = new Uint8Array(CAPACITY_MIN);
  #count = 0;

  isSetOf(key: string, slot: Slot): boolean {
    return this.#sets[this.#find(hashOf(key))] === slot + 1;
  }

  /** `slot`: of the SET; undefined: the op is another one. */
  note(key: string, slot: Slot | undefined): void {
    const hash = hashOf(key);
    let at = this.#find(hash);
    if (this.#hashes[at] === 0) {
      if (slot === undefined || this.#count === KEYS_MAX) return;
      if (2 * ++this.#count > this.#hashes.length) {
        this.#grow();
        at = this.#find(hash);
      }
      this.#hashes[at] = hash;
    }
    this.#sets[at] = slot === undefined ? 0 : slot + 1;
  }

  /** Where it is, or would be. */
  #find(hash: number): number {
    const mask = this.#hashes.length - 1;
    for (let at = hash % this.#hashes.length; ; at = (at + 1) & mask) {
      const there = this.#hashes[at];
      if (there === hash || there === 0) return at;
    }
  }

  #grow(): void {
    const [hashes, sets] = [this.#hashes, this.#sets];
    this.#hashes = new Float64Array(hashes.length * 2);
    this.#sets = new Uint8Array(hashes.length * 2);
    hashes.forEach((hash, i) => {
      if (hash === 0) return;
      const at = this.#find(hash);
      this.#hashes[at] = hash;
      this.#sets[at] = sets[i] as number;
    });
  }
}

/** Never 0. Two runs of FNV-1a that begin differently, mixed. */
function hashOf(key: string): number {
  let low = 0x811c9dc5;
  let high = 0x01234567;
  for (let i = 0; i < key.length; i++) {
    const code = key.charCodeAt(i);
    low = Math.imul(low ^ code, 0x01000193);
    high = Math.imul(high ^ code, 0x01000193);
    high ^= high >>> 13;
  }
  low = Math.imul(low ^ (low >>> 16), 0x85ebca6b);
  high = Math.imul(high ^ (high >>> 15), 0xc2b2ae35);
  return (high >>> 12) * 2 ** 32 + ((low ^ (low >>> 13)) >>> 0) + 1;
}
