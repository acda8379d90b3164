// Builds this replica's frames: dots, timestamps and deps for its ops, and the order in which frames and
// other records go to the log. Nothing leaves while a unit is open, so a unit is in the log as a whole.

import type { HybridClock } from '../../model/clock.ts';
import { indexName, OpFlag, type OpKind } from '../../model/op.ts';
import type { Replicas, Slot, VersionVector } from '../../model/version-vector.ts';
import { FrameWriter, sealFrame } from '../../wire/frame.ts';
import { LiveOp } from '../live/live-op.ts';

/** A unit that waits for a read is closed when so many ops have gathered behind it. */
const HELD_OPS_MAX = 2000;

interface Outgoing {
  readonly bytes: Buffer;
  readonly isFrame: boolean;
}

export class OwnOps {
  readonly #replicas: Replicas;
  readonly #self: Slot;
  readonly #clock: HybridClock;
  readonly #writer: FrameWriter;
  #deps: VersionVector;
  #seq: number;
  #firstTimestamp = 0;
  #outgoing: Outgoing[] = [];
  #position = 0;
  /** The last op of the unit that is open. */
  #last: LiveOp | undefined;
  #opsInUnit = 0;

  /** `seq` is the last sequence given so far. */
  constructor(replicas: Replicas, self: Slot, clock: HybridClock, seq: number) {
    this.#replicas = replicas;
    this.#self = self;
    this.#clock = clock;
    this.#writer = new FrameWriter(replicas.idOf(self));
    this.#deps = replicas.emptyVector();
    this.#seq = seq;
  }

  /** The last sequence given. */
  get seq(): number {
    return this.#seq;
  }

  get deps(): VersionVector {
    return this.#deps;
  }

  get unitIsOpen(): boolean {
    return this.#last !== undefined;
  }

  /** So much has gathered in the open unit that it must be closed, atomic or not. */
  get unitIsTooLong(): boolean {
    return this.#opsInUnit > HELD_OPS_MAX;
  }

  /** From here on ops have observed what `visible` covers. */
  observe(visible: VersionVector): void {
    this.#closeFrame();
    this.#deps = visible.slice();
    this.#deps[this.#self] = 0;
  }

  /** Gives the next dot to an op whose command is `source[from, to)`, the key at `keyAt`. */
  add(
    kind: OpKind,
    flags: number,
    key: string,
    keyAt: number,
    source: Buffer,
    from: number,
    to: number,
    nowMs: number,
  ): LiveOp {
    const writer = this.#writer;
    const bytes = to - from;
    if (!writer.isOpen || !writer.hasRoomFor(bytes)) {
      this.#closeFrame();
      const deps = this.#replicas.toEntries(this.#deps).filter(([, seq]) => seq > 0);
      this.#firstTimestamp = this.#clock.take(nowMs, 1);
      writer.begin(deps, this.#seq + 1, this.#firstTimestamp, nowMs, bytes);
    }
    const timestamp = this.#firstTimestamp + writer.count;
    this.#clock.observe(timestamp);
    const rawAt = writer.add(kind, flags, keyAt - from, key.length, source, from, to);
    this.#seq++;
    this.#opsInUnit++;
    const op = new LiveOp(
      this.#self,
      this.#seq,
      timestamp,
      this.#deps,
      kind,
      flags,
      indexName(kind, key),
      writer.buffer,
      rawAt,
      rawAt + bytes,
    );
    this.#last = op;
    return op;
  }

  /** The unit's ops are complete. */
  endUnit(): void {
    if (this.#last === undefined) return;
    this.setFlag(this.#last, OpFlag.endOfUnit);
    this.#last = undefined;
    this.#opsInUnit = 0;
  }

  setFlag(op: LiveOp, flag: number): void {
    op.flags |= flag;
    this.#writer.addFlag(op.buffer, op.rawAt, flag);
  }

  /** Puts another record at this place in the order. */
  record(bytes: Buffer): void {
    this.#closeFrame();
    this.#outgoing.push({ bytes, isFrame: false });
  }

  /** Replication offset behind what has been interpreted. */
  reached(position: number): void {
    this.#position = position;
  }

  /** What is to be logged, in order; empty while a unit is open. */
  take(): Buffer[] {
    if (this.#last !== undefined) return [];
    this.#closeFrame();
    if (this.#outgoing.length === 0) return [];
    const records = this.#outgoing.map(({ bytes, isFrame }) =>
      isFrame ? sealFrame(bytes) : bytes,
    );
    this.#outgoing = [];
    return records;
  }

  #closeFrame(): void {
    if (!this.#writer.isOpen) return;
    this.#outgoing.push({ bytes: this.#writer.end(this.#position), isFrame: true });
  }
}
