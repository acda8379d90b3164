// Numbers that no engine can hold. Every increment was legal where it was made; together they may leave the
// range. Then the value is clamped, the same way everywhere, as an ordinary write.

import { INT64_MAX, INT64_MIN } from '../../model/decimal.ts';
import { OpKind } from '../../model/op.ts';
import { effectOf } from '../live/effect.ts';
import type { LiveOp } from '../live/live-op.ts';

/** The write that settles a refused increment; undefined when the refusal has another reason. */
export function correctionFor(op: LiveOp, message: string): string[] | undefined {
  const overflow = message.includes('overflow');
  if (op.kind === OpKind.zincr && message.includes('NaN')) {
    const member = effectOf(op).cells[0]?.name as string;
    return ['ZADD', op.key, '0', member];
  }
  if (!overflow || (op.kind !== OpKind.incr && op.kind !== OpKind.hincr)) return undefined;
  const cell = effectOf(op).cells[0];
  const limit = (cell?.increment ?? '').startsWith('-') ? INT64_MIN : INT64_MAX;
  return op.kind === OpKind.incr
    ? ['SET', op.key, limit.toString(), 'KEEPTTL']
    : ['HSET', op.key, cell?.name as string, limit.toString()];
}

/** Whether a refusal leaves what the merge gives: of last IDs of a stream the greater one stays. */
export function isAsMerged(op: LiveOp, message: string): boolean {
  return op.kind === OpKind.xsetid && message.includes('smaller than');
}
