// What a stream op says, read from its command: pure decoding. IDs are those that its origin knew the entries by.

import { OpKind } from '../../../model/op.ts';
import type { LiveOp } from '../live-op.ts';
import { parseStreamId, type StreamId } from './stream-id.ts';

export type StreamChange =
  | { readonly kind: 'add'; readonly id: StreamId }
  | { readonly kind: 'remove'; readonly ids: readonly StreamId[] }
  /** Removes what is below, but not these. */
  | { readonly kind: 'trim'; readonly below: StreamId; readonly keep: readonly StreamId[] }
  | { readonly kind: 'setId'; readonly id: StreamId }
  | {
      readonly kind: 'createGroup';
      readonly group: string;
      /** Everything behind it is still to be delivered. */
      readonly id: StreamId;
      readonly makesStream: boolean;
    }
  | { readonly kind: 'destroyGroup'; readonly group: string }
  | { readonly kind: 'done'; readonly group: string; readonly id: StreamId };

/** Names of the commands that no engine has. */
export const TRIM_BUT = 'XTRIMBUT';
export const DONE = 'XDONE';

/** Decodes an op of one of STREAM_KINDS. */
export function streamChangeOf(op: LiveOp): StreamChange {
  if (op.kind === OpKind.xadd) return { kind: 'add', id: addedId(op) };
  const args = op.args();
  switch (op.kind) {
    case OpKind.xdel:
      return { kind: 'remove', ids: args.slice(2).map(parseStreamId) };
    case OpKind.xtrim: {
      if (args[0] !== TRIM_BUT) {
        return { kind: 'trim', below: parseStreamId(args[4] as string), keep: [] };
      }
      const [below = 0n, ...keep] = args.slice(2).map(parseStreamId);
      return { kind: 'trim', below, keep };
    }
    case OpKind.xsetid:
      return { kind: 'setId', id: parseStreamId(args[2] as string) };
    case OpKind.xgroupCreate: {
      const makesStream = args.slice(5).some((arg) => arg.toUpperCase() === 'MKSTREAM');
      const id = parseStreamId(args[4] as string);
      return { kind: 'createGroup', group: args[3] as string, id, makesStream };
    }
    case OpKind.xgroupDestroy:
      return { kind: 'destroyGroup', group: args[3] as string };
    case OpKind.xdone:
      return {
        kind: 'done',
        group: args[2] as string,
        id: parseStreamId(args[3] as string),
      };
    default:
      throw new Error(`an op of kind ${op.kind} does not write to a stream`);
  }
}

/** The ID of an XADD; its fields, which may be large, are not decoded. */
export function addedId(op: LiveOp): StreamId {
  const { buffer } = op;
  let at = buffer.indexOf('\n', op.rawAt) + 1;
  for (let argument = 0; ; argument++) {
    const headEnd = buffer.indexOf('\r', at);
    const bytes = Number(buffer.latin1Slice(at + 1, headEnd));
    const start = headEnd + 2;
    if (argument === ID_ARGUMENT) return parseStreamId(buffer.latin1Slice(start, start + bytes));
    at = start + bytes + 2;
  }
}

const ID_ARGUMENT = 2;

/** Fields and values of an XADD, one after the other. */
export function addedFields(op: LiveOp): string[] {
  return op.args().slice(ID_ARGUMENT + 1);
}
