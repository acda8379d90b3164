// What becomes of commands that the engine refused within a batch: nothing, where the merge is as it is without
// them; a correction, where there is one; and of what else is known to be mended so, the key is written again from
// the live ops. Everything else is an error that an operator is told of.

import { OpKind } from '../model/op.ts';
import type { Attempt } from './apply/applier.ts';
import type { CommandError, CorePort } from './core-port.ts';
import type { Counters } from './counters.ts';
import type { LiveIndex } from './live/live-index.ts';
import type { LiveOp } from './live/live-op.ts';
import { correctionFor, isAsMerged } from './resolve/correction.ts';

type RefusalsPort = Pick<CorePort, 'write' | 'notice'>;

export class Refusals {
  readonly #index: Pick<LiveIndex, 'noteMeasured'>;
  readonly #counters: Counters;
  readonly #port: RefusalsPort;
  readonly #settle: (key: string) => void;

  /** `settle` writes a key from its live ops. */
  constructor(
    index: Pick<LiveIndex, 'noteMeasured'>,
    counters: Counters,
    port: RefusalsPort,
    settle: (key: string) => void,
  ) {
    this.#index = index;
    this.#counters = counters;
    this.#port = port;
    this.#settle = settle;
  }

  /** The engine has answered an attempt; its commands may be visible by now, or not yet. */
  of(errors: readonly CommandError[], attempt: Pick<Attempt, 'owners' | 'refusedKeys'>): void {
    for (const { index, message } of errors) {
      const op = attempt.owners[index];
      if (op !== undefined && isAsMerged(op, message)) continue;
      this.#counters.applyErrors++;
      const correction = op && correctionFor(op, message);
      if (correction) this.#port.write(correction);
      else
        this.#port.notice('warn', `an applied command was refused: ${message}`, { key: op?.key });
      // The last ID of the stream was another one than the decision took it for.
      if (op?.kind !== OpKind.xadd) continue;
      attempt.refusedKeys = (attempt.refusedKeys ?? new Set()).add(op.key);
      this.#mend(op.key);
    }
  }

  /** `op` is visible, and in the index. */
  afterOp(op: LiveOp, attempt: Pick<Attempt, 'refusedKeys'> | undefined): void {
    if (attempt?.refusedKeys?.has(op.key) === true) this.#mend(op.key);
  }

  /** Only a merged key can be written again. */
  #mend(key: string): void {
    this.#index.noteMeasured(key, {});
    this.#settle(key);
  }
}
