// Entries of streams as replies.

import { array, bulk, bulks, type ModelReply } from '../reply.ts';
import type { Stream, StreamEntry } from './stream.ts';
import { formatId, type StreamId } from './stream-id.ts';

export function idReply(id: StreamId): ModelReply {
  return bulk(formatId(id));
}

export function entryReply({ id, fields }: StreamEntry): ModelReply {
  return array([idReply(id), bulks(fields)]);
}

/** The entries from `start` to `end`, at most `count` of them; 0: all. */
export function entriesOf(
  stream: Stream,
  start: StreamId,
  end: StreamId,
  count: number,
  reversed = false,
): StreamEntry[] {
  const entries: StreamEntry[] = [];
  for (const entry of stream.range(start, end, reversed)) {
    entries.push(entry);
    if (entries.length === count) break;
  }
  return entries;
}

/** The entry of this ID, or undefined. */
export function entryAt(stream: Stream, id: StreamId): StreamEntry | undefined {
  return entriesOf(stream, id, id, 1)[0];
}
