// Reads of whole values, and the ops that build them anew.

import { isHyperLogLog } from '../../model/hyperloglog.ts';
import { OpFlag, OpKind } from '../../model/op.ts';
import type { Reply } from '../../resp/reply-parser.ts';
import { fieldExpiryOps } from './field-reads.ts';
import { ListShadow } from './list-shadow.ts';
import { chunks, type ReadOp } from './read-op.ts';
import { itemsOf, textOfReply, textsOf } from './replies.ts';

/** The whole value, to be shipped as a re-assert. */
export interface WholeRequest {
  readonly kind: 'whole';
  readonly key: string;
  /** How long the list is that this replaces: as long as the one that is read, so long, or undefined:
   * it is none, or nobody knows. */
  readonly listLength?: number | 'unchanged' | undefined;
}

/**
 * Why a value is read as a whole: a write left it (and other writes since are covered), only unions
 * were made with it, or conflicts ask that it be asserted.
 */
export type WholePurpose = 'write' | 'union' | 'assert';

/** What was read, and what it makes known of the key. */
export interface WholeOutcome {
  readonly ops: ReadOp[];
  readonly list?: ListShadow;
  /** The key holds a HyperLogLog. */
  readonly hyperLogLog?: boolean;
}

/** The value of a key as a whole: of every type, with its expiry. */
export function wholeOutcome(
  { key, listLength }: WholeRequest,
  items: Reply[],
  purpose: WholePurpose,
): WholeOutcome {
  const type = textOfReply(items[0]) ?? 'none';
  const text = type === 'string' ? (textOfReply(items[2]) ?? '') : '';
  const hyperLogLog = isHyperLogLog(text);
  if (purpose === 'union') {
    // When it is none any more, another region's write took its place: what was merged is gone with it.
    const ops = hyperLogLog ? [unionOp(key, text)] : [];
    return { ops, hyperLogLog };
  }
  const values = type === 'list' ? textsOf(items[2]) : [];
  const removed = listLength === 'unchanged' ? values.length : (listLength ?? 0);
  const removal = removed > 0 ? ['DEL', key, String(removed)] : ['DEL', key];
  if (type === 'none') {
    // Who removed the key has said so. An assertion adds that nothing of it is left, and no more.
    const flags = purpose === 'assert' ? MAKES_WAY : 0;
    return { ops: [{ kind: OpKind.del, args: removal, flags }] };
  }
  const ops = wholeOps(key, type, items, removal);
  return type === 'list'
    ? { ops, list: new ListShadow(values.length, values) }
    : { ops, hyperLogLog };
}

/** Of the DEL that comes before a whole value. */
const MAKES_WAY = OpFlag.replaced | OpFlag.makesWay;

function unionOp(key: string, value: string): ReadOp {
  return { kind: OpKind.pfmerge, args: ['PFMERGE', key, value] };
}

function wholeOps(key: string, type: string, items: Reply[], removal: string[]): ReadOp[] {
  const expiry = Number(textOfReply(items[1]));
  const text = type === 'string' ? (textOfReply(items[2]) ?? '') : '';
  if (type === 'string' && !isHyperLogLog(text)) {
    const args = ['SET', key, text];
    if (expiry > 0) args.push('PXAT', String(expiry));
    return [{ kind: OpKind.set, args }];
  }
  if (type === 'stream') return streamOps(key, items, removal);
  const document = type === 'ReJSON-RL' ? (textOfReply(items[2]) ?? 'null') : '';
  const build =
    type === 'string'
      ? () => [unionOp(key, text)]
      : type === 'ReJSON-RL'
        ? () => [{ kind: OpKind.json, args: ['JSON.SET', key, '$', document] }]
        : BUILDERS[type];
  if (build === undefined) {
    const dump = textOfReply(items[2]) ?? '';
    const ttl = expiry > 0 ? String(expiry) : '0';
    const args = ['RESTORE', key, ttl, dump, 'REPLACE', 'ABSTTL'];
    return [{ kind: OpKind.restore, args }];
  }
  const ops: ReadOp[] = [{ kind: OpKind.del, args: removal, flags: MAKES_WAY }];
  ops.push(...build(key, textsOf(items[2])));
  if (type === 'hash') ops.push(...fieldExpiryOps(key, textsOf(items[3])));
  if (expiry > 0) ops.push({ kind: OpKind.expire, args: ['PEXPIREAT', key, String(expiry)] });
  return ops;
}

/** Entries, last ID and groups; consumers and what they were given stay where they are. What they are not done with
 * is still to be delivered elsewhere. */
function streamOps(key: string, items: readonly Reply[], removal: readonly string[]): ReadOp[] {
  const ops: ReadOp[] = [{ kind: OpKind.del, args: removal, flags: MAKES_WAY }];
  const last = textOfReply(items[3]) ?? '0-0';
  let top = '0-0';
  for (const entry of itemsOf(items[2])) {
    const [id, fields] = itemsOf(entry);
    top = textOfReply(id) ?? top;
    ops.push({
      kind: OpKind.xadd,
      args: ['XADD', key, top, ...textsOf(fields)],
      flags: OpFlag.ofWhole,
    });
  }
  const groups = textsOf(items[4]);
  if (top === '0-0') {
    // Nothing else makes a stream that is empty.
    const maker = ['XGROUP', 'CREATE', key, 'atoll', '0-0', 'MKSTREAM'];
    ops.push({ kind: OpKind.xgroupCreate, args: maker });
    ops.push({ kind: OpKind.xgroupDestroy, args: ['XGROUP', 'DESTROY', key, 'atoll'] });
  }
  if (last !== top) ops.push({ kind: OpKind.xsetid, args: ['XSETID', key, last] });
  for (let i = 0; i + 1 < groups.length; i += 2) {
    const args = ['XGROUP', 'CREATE', key, groups[i] as string, groups[i + 1] as string];
    ops.push({ kind: OpKind.xgroupCreate, args });
  }
  const expiry = Number(textOfReply(items[1]));
  if (expiry > 0) ops.push({ kind: OpKind.expire, args: ['PEXPIREAT', key, String(expiry)] });
  return ops;
}

const BUILDERS: Record<string, ((key: string, texts: string[]) => ReadOp[]) | undefined> = {
  hash: (key, texts) =>
    chunks(texts, (part) => ({ kind: OpKind.hset, args: ['HSET', key, ...part] })),
  set: (key, texts) =>
    chunks(texts, (part) => ({ kind: OpKind.sadd, args: ['SADD', key, ...part] })),
  list: (key, texts) =>
    chunks(texts, (part) => ({ kind: OpKind.rpush, args: ['RPUSH', key, ...part] })),
  zset: (key, texts) =>
    chunks(swapPairs(texts), (part) => ({ kind: OpKind.zadd, args: ['ZADD', key, ...part] })),
};

/** ZRANGE answers member, score; ZADD takes score, member. */
function swapPairs(texts: string[]): string[] {
  const swapped: string[] = [];
  for (let i = 0; i + 1 < texts.length; i += 2) {
    swapped.push(texts[i + 1] as string, texts[i] as string);
  }
  return swapped;
}
