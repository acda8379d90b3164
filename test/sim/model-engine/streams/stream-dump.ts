// A stream as a list of texts: all of it, for the model's DUMP, and what regions must agree on.

import { type Consumer, ConsumerGroup } from './consumer-group.ts';
import { addToNode, Stream, type StreamNode } from './stream.ts';
import { formatId, MAX_ID, MIN_ID } from './stream-id.ts';

/** Entries in order, each as ID and fields, then the names of the groups. */
export function streamContent(stream: Stream): string[] {
  const entries = [...stream.range(MIN_ID, MAX_ID)].map((entry) =>
    entryContent(formatId(entry.id), entry.fields),
  );
  return [...entries, ...[...stream.groups.keys()].sort().map(groupContent)];
}

export function entryContent(id: string, fields: readonly string[]): string {
  return `${id} ${JSON.stringify(fields)}`;
}

export function groupContent(name: string): string {
  return `group ${name}`;
}

/** Everything, in the order in which streamFromParts reads it. */
export function streamParts(stream: Stream): string[] {
  const parts = [stream.firstId, stream.lastId, stream.maxDeletedId, stream.entriesAdded].map(
    String,
  );
  parts.push(String(stream.nodes.length));
  for (const node of stream.nodes) {
    parts.push(String(node.key), String(node.entries.length));
    for (const { id, deleted, fields } of node.entries) {
      parts.push(String(id), deleted ? '1' : '0', String(fields.length), ...fields);
    }
  }
  parts.push(String(stream.groups.size));
  for (const [name, group] of stream.groups) parts.push(name, ...groupParts(group));
  return parts;
}

function groupParts(group: ConsumerGroup): string[] {
  const parts = [String(group.lastId), String(group.entriesRead ?? -1n)];
  parts.push(String(group.consumers.size));
  for (const { name, seenMs } of group.consumers.values()) parts.push(name, String(seenMs));
  parts.push(String(group.pending.size));
  for (const [id, { consumer, deliveredMs, deliveries }] of group.pending) {
    parts.push(String(id), consumer.name, String(deliveredMs), String(deliveries));
  }
  return parts;
}

class MalformedParts extends Error {}

class PartReader {
  readonly #parts: readonly string[];
  #at = 0;

  constructor(parts: readonly string[]) {
    this.#parts = parts;
  }

  get atEnd(): boolean {
    return this.#at === this.#parts.length;
  }

  text(): string {
    const part = this.#parts[this.#at++];
    if (part === undefined) throw new MalformedParts();
    return part;
  }

  integer(): bigint {
    const text = this.text();
    if (!/^-?\d+$/.test(text)) throw new MalformedParts();
    return BigInt(text);
  }

  number(): number {
    return Number(this.integer());
  }

  times<T>(read: () => T): T[] {
    const count = this.number();
    const items: T[] = [];
    while (items.length < count) items.push(read());
    return items;
  }
}

/** The stream of such parts; undefined if they are none. */
export function streamFromParts(parts: readonly string[]): Stream | undefined {
  const reader = new PartReader(parts);
  try {
    const stream = readStream(reader);
    return reader.atEnd ? stream : undefined;
  } catch (error) {
    if (error instanceof MalformedParts) return undefined;
    throw error;
  }
}

function readStream(reader: PartReader): Stream {
  const stream = new Stream();
  stream.firstId = reader.integer();
  stream.lastId = reader.integer();
  stream.maxDeletedId = reader.integer();
  stream.entriesAdded = reader.integer();
  stream.nodes.push(...reader.times(() => readNode(reader)));
  stream.length = stream.nodes.reduce((sum, node) => sum + node.live, 0);
  for (const [name, group] of reader.times(() => readGroup(reader))) stream.groups.set(name, group);
  return stream;
}

function readNode(reader: PartReader): StreamNode {
  const node: StreamNode = { key: reader.integer(), entries: [], live: 0, bytes: 0 };
  for (const entry of reader.times(() => readEntry(reader))) addToNode(node, entry);
  return node;
}

function readEntry(reader: PartReader) {
  const id = reader.integer();
  const deleted = reader.text() === '1';
  return { id, deleted, fields: reader.times(() => reader.text()) };
}

function readGroup(reader: PartReader): [string, ConsumerGroup] {
  const name = reader.text();
  const lastId = reader.integer();
  const entriesRead = reader.integer();
  const group = new ConsumerGroup(lastId, entriesRead < 0n ? undefined : entriesRead);
  reader.times(() => {
    const consumer: Consumer = { name: reader.text(), seenMs: reader.number() };
    group.consumers.set(consumer.name, consumer);
  });
  reader.times(() => {
    const id = reader.integer();
    const consumer = group.consumers.get(reader.text());
    if (consumer === undefined) throw new MalformedParts();
    const deliveredMs = reader.number();
    group.pending.set(id, { consumer, deliveredMs, deliveries: reader.integer() });
  });
  return [name, group];
}
