// Frames as they arrive from peers: what is new is kept for the log and waits to be applied, what was here
// already is passed over.

import { CorruptInput } from '../base/errors.ts';
import type { Replicas, Slot } from '../model/version-vector.ts';
import { decodeFrameHeader } from '../wire/frame.ts';
import type { Inbound } from './apply/inbound.ts';
import type { Backpressure } from './backpressure.ts';
import type { CaptureTimes } from './capture-times.ts';
import type { Counters } from './counters.ts';

export interface ArrivalParts {
  readonly replicas: Replicas;
  readonly self: Slot;
  readonly inbound: Inbound;
  readonly backpressure: Backpressure;
  readonly captureTimes: CaptureTimes;
  readonly counters: Counters;
}

export class Arrivals {
  readonly #parts: ArrivalParts;
  #records: Buffer[] = [];

  constructor(parts: ArrivalParts) {
    this.#parts = parts;
  }

  /** A frame from a peer; it may be one of another origin. Throws CorruptInput. */
  frame(bytes: Buffer): void {
    const { replicas, self, inbound, backpressure, captureTimes, counters } = this.#parts;
    const header = decodeFrameHeader(bytes);
    const slot = replicas.slotOf(header.origin);
    if (slot === undefined) {
      throw new CorruptInput(`a frame of replica ${header.origin}, which is no member`);
    }
    if (slot === self || !inbound.accept(slot, header.firstSeq, header.count, bytes)) {
      counters.skipped += header.count;
      return;
    }
    captureTimes.arrived(slot, header.firstSeq + header.count - 1, header.capturedAt);
    this.#records.push(bytes);
    backpressure.arrived(slot);
  }

  /** What has arrived since the last call, for the log. */
  take(): Buffer[] {
    if (this.#records.length === 0) return this.#records;
    const records = this.#records;
    this.#records = [];
    return records;
  }
}
