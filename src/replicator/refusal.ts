// What becomes of commands that the engine refused within a batch: nothing, where the merge is as it is without
// them; a correction, where there is one; and of what else is known to be mended so, the key is written again from
// the live ops. Everything else is an error that an operator is told of.

import { OpKind } from '../model/op.ts';
import type { CommandError, CorePort } from './core-port.ts';
import type { Counters } from './counters.ts';
import type { LiveOp } from './live/live-op.ts';
import { correctionFor, isAsMerged } from './resolve/correction.ts';

/** `owners`: whose each command of the batch was, if it was one op's. `settle` writes a key from its live ops. */
export function handleRefusals(
  errors: readonly CommandError[],
  owners: readonly (LiveOp | undefined)[],
  counters: Counters,
  port: Pick<CorePort, 'write' | 'notice'>,
  settle: (key: string) => void,
): void {
  for (const { index, message } of errors) {
    const op = owners[index];
    if (op !== undefined && isAsMerged(op, message)) continue;
    counters.applyErrors++;
    const correction = op && correctionFor(op, message);
    if (correction) port.write(correction);
    else port.notice('warn', `an applied command was refused: ${message}`, { key: op?.key });
    // The last ID of the stream was another one than the decision took it for.
    if (op?.kind === OpKind.xadd) settle(op.key);
  }
}
