// What commands on consumer groups have propagated: not themselves, but the state of the group that they led to.

import type { Keyspace } from '../keyspace.ts';
import type { ConsumerGroup, PendingEntry } from './consumer-group.ts';
import { formatId } from './stream-id.ts';

/** A group of a stream, as a command names it. */
export interface NamedGroup {
  readonly key: string;
  readonly name: string;
  readonly group: ConsumerGroup;
}

/** An entry is pending as `pending` says; `id` as the command has it. */
export function propagateClaim(
  space: Keyspace,
  { key, name, group }: NamedGroup,
  id: string,
  pending: PendingEntry,
): void {
  const { consumer, deliveredMs, deliveries } = pending;
  space.effects.push([
    ...['XCLAIM', key, name, consumer.name, '0', id],
    ...['TIME', String(deliveredMs), 'RETRYCOUNT', String(deliveries), 'FORCE', 'JUSTID'],
    ...['LASTID', formatId(group.lastId)],
  ]);
}

/** How far the group has read. */
export function propagatePosition(space: Keyspace, { key, name, group }: NamedGroup): void {
  const entriesRead = String(group.entriesRead ?? -1n);
  space.effects.push([
    'XGROUP',
    'SETID',
    key,
    name,
    formatId(group.lastId),
    'ENTRIESREAD',
    entriesRead,
  ]);
}

export function propagateConsumer(
  space: Keyspace,
  { key, name }: NamedGroup,
  consumer: string,
): void {
  space.effects.push(['XGROUP', 'CREATECONSUMER', key, name, consumer]);
}
