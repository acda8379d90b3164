// Decides what the engine must do for a batch: each op against the live ops of its key, on copies, since the
// engine may refuse the batch.

import { OpFlag, OpKind } from '../model/op.ts';
import { CommandWriter } from '../resp/command-writer.ts';
import type { Attempt } from './apply/applier.ts';
import type { KeyEntry } from './live/key-entry.ts';
import type { LiveIndex } from './live/live-index.ts';
import type { LiveOp } from './live/live-op.ts';
import { resolve, writeSettled, writeVerbatim } from './resolve/resolve.ts';

export class Decider {
  readonly #index: LiveIndex;
  readonly #out = new CommandWriter();

  constructor(index: LiveIndex) {
    this.#index = index;
  }

  /** Writes the commands of an attempt and notes in it what they were decided on: `lastLocal` is the
   * last own sequence that is known now. */
  decide(attempt: Attempt, lastLocal: number, nowMs: number): { commands: Buffer; count: number } {
    const out = this.#out;
    const forks = new Map<string, KeyEntry>();
    const owners: LiveOp[] = [];
    attempt.owners = owners;
    for (const op of attempt.batch.ops) {
      // Without WATCH it might swallow an increment; who made it tries again.
      if (attempt.unwatched && (op.flags & OpFlag.rounded) !== 0) continue;
      this.#decideOp(op, forks, nowMs);
      while (owners.length < out.count) owners.push(op);
    }
    for (const [key, what] of attempt.batch.settle) {
      const entry = this.#index.get(key);
      if (entry !== undefined) writeSettled(entry, what, out, nowMs);
    }
    attempt.decidedAt = lastLocal;
    const { count } = out;
    const commands = out.take();
    attempt.commands = commands;
    return { commands, count };
  }

  #decideOp(op: LiveOp, forks: Map<string, KeyEntry>, nowMs: number): void {
    let fork = forks.size > 0 ? forks.get(op.key) : undefined;
    if (fork === undefined) {
      const entry = op.kind === OpKind.publish ? undefined : this.#index.get(op.key);
      if (entry === undefined || entry.isObservedBy(op)) {
        writeVerbatim(op, this.#out, nowMs);
        return;
      }
      fork = entry.fork();
      forks.set(op.key, fork);
    }
    resolve(op, fork, this.#out, nowMs);
  }
}
