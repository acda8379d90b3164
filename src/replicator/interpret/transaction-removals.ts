// DEL and then a write of the same key in one transaction: the value is replaced, and the DEL's op says
// so. A DEL that stands alone takes the key away.

import { OpFlag, OpKind } from '../../model/op.ts';
import type { LiveOp } from '../live/live-op.ts';
import type { OwnOps } from './own-ops.ts';

export class TransactionRemovals {
  readonly #own: OwnOps;
  /** DELs of the open transaction, by key: a later write of the key replaces its value. */
  readonly #removed = new Map<string, LiveOp>();

  constructor(own: OwnOps) {
    this.#own = own;
  }

  /** The open transaction goes on with this op. */
  note(op: LiveOp): void {
    if (op.kind === OpKind.del) {
      this.#removed.set(op.key, op);
    } else if (this.#removed.size > 0 && !REMOVING.has(op.kind)) {
      const removal = this.#removed.get(op.key);
      if (removal !== undefined) this.#own.setFlag(removal, OpFlag.replaced);
    }
  }

  /** The transaction is over. */
  clear(): void {
    this.#removed.clear();
  }
}

/** Kinds that give a key no value. */
const REMOVING: ReadonlySet<OpKind> = new Set([
  OpKind.hdel,
  OpKind.srem,
  OpKind.zrem,
  OpKind.zretain,
  OpKind.xdel,
  OpKind.xtrim,
  OpKind.xgroupDestroy,
  OpKind.xdone,
  OpKind.expire,
  OpKind.publish,
]);
