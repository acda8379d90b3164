// What a read tells of fields of a hash and their expiries, as ops.

import { OpKind } from '../../model/op.ts';
import type { Reply } from '../../resp/reply-parser.ts';
import { chunks, type ReadOp } from './read-op.ts';
import { textOfReply } from './replies.ts';

/** Fields of a hash with their expiries; that a field is gone is shipped too. */
export interface FieldsRequest {
  readonly kind: 'fields';
  readonly key: string;
  readonly names: readonly string[];
}

/** `pairs`: fields with their expiries in ms. Fields that end together are named together. */
export function fieldExpiryOps(key: string, pairs: string[]): ReadOp[] {
  const byExpiry = new Map<string, string[]>();
  for (let i = 0; i + 1 < pairs.length; i += 2) {
    const expiry = pairs[i + 1] as string;
    byExpiry.set(expiry, [...(byExpiry.get(expiry) ?? []), pairs[i] as string]);
  }
  return [...byExpiry].flatMap(([expiry, names]) =>
    chunks(names, (part) => ({
      kind: OpKind.hexpire,
      args: ['HPEXPIREAT', key, expiry, 'FIELDS', String(part.length), ...part],
    })),
  );
}

/** An HSET ends the expiry of its field: without one nothing more is to be said. */
export function fieldOps({ key, names }: FieldsRequest, items: Reply[]): ReadOp[] {
  if (items.length < 2 * names.length) return [];
  const values: string[] = [];
  const expiries: string[] = [];
  const gone: string[] = [];
  names.forEach((name, i) => {
    const value = textOfReply(items[2 * i]);
    const expiry = textOfReply(items[2 * i + 1]) ?? '-1';
    if (value === undefined) gone.push(name);
    else values.push(name, value);
    if (Number(expiry) > 0) expiries.push(name, expiry);
  });
  return [
    ...chunks(gone, (part) => ({ kind: OpKind.hdel, args: ['HDEL', key, ...part] })),
    ...chunks(values, (part) => ({ kind: OpKind.hset, args: ['HSET', key, ...part] })),
    ...fieldExpiryOps(key, expiries),
  ];
}
