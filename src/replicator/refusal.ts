// What becomes of a command that the engine refused within a batch: nothing, where the merge is as it is without
// it; a correction, where there is one; or else an error that an operator is told of.

import type { CorePort } from './core-port.ts';
import type { Counters } from './counters.ts';
import type { LiveOp } from './live/live-op.ts';
import { correctionFor, isAsMerged } from './resolve/correction.ts';

/** `op`: whose command it was, if it was one op's. */
export function handleRefusal(
  op: LiveOp | undefined,
  message: string,
  counters: Counters,
  port: Pick<CorePort, 'write' | 'notice'>,
): void {
  if (op !== undefined && isAsMerged(op, message)) return;
  counters.applyErrors++;
  const correction = op && correctionFor(op, message);
  if (correction) port.write(correction);
  else port.notice('warn', `an applied command was refused: ${message}`, { key: op?.key });
}
