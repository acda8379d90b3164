// What the log is told of batches that the engine has executed, where the stream that would say so is lost.

import type { Replicas } from '../model/version-vector.ts';
import type { Attempt } from './apply/applier.ts';
import type { CorePort } from './core-port.ts';
import { encodeVisible } from './journal.ts';

/** Logs that these are visible, `position` being the end of what was taken in. */
export function logCommitted(
  attempts: readonly Attempt[],
  replicas: Replicas,
  position: number,
  port: Pick<CorePort, 'append'>,
): void {
  const records = attempts.map(({ fence, batch: { slot, ops } }) => {
    const origin = slot < 0 ? 0 : replicas.idOf(slot);
    return encodeVisible({ origin, seq: ops.at(-1)?.seq ?? 0, position, fence });
  });
  if (records.length > 0) port.append(records);
}
