// IDs of stream entries: two unsigned 64-bit numbers, as one integer, in the order of the stream.

export type StreamId = bigint;

const SEQUENCE_BITS = 64n;
const SEQUENCE_MASK = (1n << SEQUENCE_BITS) - 1n;

export const MIN_STREAM_ID: StreamId = 0n;
export const MAX_STREAM_ID: StreamId = (1n << 128n) - 1n;

/** `ms-seq`, or `ms` alone, which stands for its first ID. */
export function parseStreamId(text: string): StreamId {
  const dash = text.indexOf('-');
  if (dash < 0) return BigInt(text) << SEQUENCE_BITS;
  return (BigInt(text.slice(0, dash)) << SEQUENCE_BITS) | BigInt(text.slice(dash + 1));
}

export function formatStreamId(id: StreamId): string {
  return `${id >> SEQUENCE_BITS}-${id & SEQUENCE_MASK}`;
}

/** The ID in front of this one; 0-0 has none and stays. */
export function idBefore(id: StreamId): StreamId {
  return id > MIN_STREAM_ID ? id - 1n : id;
}

/** The ID behind this one; the greatest has none and stays. */
export function idAfter(id: StreamId): StreamId {
  return id < MAX_STREAM_ID ? id + 1n : id;
}

const SPREAD = 0x9e3779b97f4a7c15n;

/** What to key a Map by. Its hash is that of the lower 64 bits, and those of IDs are alike. */
export function streamIdKey(id: StreamId): bigint {
  return id ^ (((id >> SEQUENCE_BITS) * SPREAD) & SEQUENCE_MASK);
}
