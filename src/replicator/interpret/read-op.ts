// The ops that ship what was read of an engine.

import { OpFlag, OpKind } from '../../model/op.ts';

/** An op to ship: `args[1]` is the key. */
export interface ReadOp {
  readonly kind: OpKind;
  readonly args: readonly string[];
  /** OpFlag bits. */
  readonly flags?: number;
}

const MAXIMUM_ARGUMENTS = 1000;

/** Ops that each name a bounded number of texts. */
export function chunks(texts: string[], op: (part: string[]) => ReadOp): ReadOp[] {
  const ops: ReadOp[] = [];
  for (let i = 0; i < texts.length; i += MAXIMUM_ARGUMENTS) {
    ops.push(op(texts.slice(i, i + MAXIMUM_ARGUMENTS)));
  }
  return ops;
}

/** The expiry of a key as it was read, in ms since the epoch; that there is none is said too. */
export function expiryOp(
  { key, restates }: { readonly key: string; readonly restates: boolean },
  text: string | undefined,
): ReadOp {
  const expires = Number(text ?? -1) > 0;
  const args = expires ? ['PEXPIREAT', key, String(text)] : ['PERSIST', key];
  return { kind: OpKind.expire, args, flags: restates ? OpFlag.restated : 0 };
}
