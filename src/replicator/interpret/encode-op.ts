// Ops whose command is not in the stream as it stands.

import { OpKind } from '../../model/op.ts';
import { encodeStrings } from '../../resp/encode.ts';

/** Which argument of an op's command is its key. */
export function keyIndexOf(kind: OpKind): number {
  return kind === OpKind.xgroupCreate || kind === OpKind.xgroupDestroy ? 2 : 1;
}

/** The command in RESP, and where its key is. */
export function encodeOp(
  kind: OpKind,
  args: readonly string[],
): { raw: Buffer; key: string; keyAt: number } {
  const keyIndex = keyIndexOf(kind);
  const key = args[keyIndex] as string;
  // *n\r\n, $l\r\nARGUMENT\r\n for each one before it, $l\r\n
  let keyAt = 6 + digits(args.length) + digits(key.length);
  for (const arg of args.slice(0, keyIndex)) keyAt += 5 + digits(arg.length) + arg.length;
  return { raw: encodeStrings(args), key, keyAt };
}

function digits(n: number): number {
  return String(n).length;
}
