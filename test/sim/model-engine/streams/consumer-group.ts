// Consumer groups: how far a group has read, its consumers, and which entries wait for an acknowledgement.

import type { StreamId } from './stream-id.ts';

export interface Consumer {
  readonly name: string;
  seenMs: number;
}

/** A delivered entry that nobody has acknowledged. */
export interface PendingEntry {
  consumer: Consumer;
  deliveredMs: number;
  deliveries: bigint;
}

export class ConsumerGroup {
  lastId: StreamId;
  /** Entries read since the stream began; undefined when unknown. */
  entriesRead: bigint | undefined;
  readonly consumers = new Map<string, Consumer>();
  readonly pending = new Map<StreamId, PendingEntry>();

  constructor(lastId: StreamId, entriesRead: bigint | undefined) {
    this.lastId = lastId;
    this.entriesRead = entriesRead;
  }

  copy(): ConsumerGroup {
    const copy = new ConsumerGroup(this.lastId, this.entriesRead);
    for (const [name, consumer] of this.consumers) copy.consumers.set(name, { ...consumer });
    for (const [id, pending] of this.pending) {
      const consumer = copy.consumers.get(pending.consumer.name) as Consumer;
      copy.pending.set(id, { ...pending, consumer });
    }
    return copy;
  }

  /** The consumer, noted as seen now; created if need be. */
  seen(name: string, nowMs: number): { consumer: Consumer; created: boolean } {
    const found = this.consumers.get(name);
    if (found !== undefined) {
      found.seenMs = nowMs;
      return { consumer: found, created: false };
    }
    const consumer = { name, seenMs: nowMs };
    this.consumers.set(name, consumer);
    return { consumer, created: true };
  }

  /** In the order of their names' bytes. */
  consumersByName(): Consumer[] {
    return [...this.consumers.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  /** Pending entries from `start` in the order of their IDs, of one consumer or of all. */
  pendingFrom(start: StreamId, consumer?: Consumer): [StreamId, PendingEntry][] {
    return [...this.pending]
      .filter(([id, entry]) => id >= start && (consumer ?? entry.consumer) === entry.consumer)
      .sort(([a], [b]) => (a < b ? -1 : 1));
  }

  /** Forgets a consumer with its pending entries; returns how many there were. */
  removeConsumer(consumer: Consumer): number {
    const pending = this.pendingFrom(0n, consumer);
    for (const [id] of pending) this.pending.delete(id);
    this.consumers.delete(consumer.name);
    return pending.length;
  }
}
