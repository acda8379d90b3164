// Runs long-running operations. Each is a row of the database and goes on from where that says it is: after a crash
// of the control plane, however sudden, the next start finishes it or takes it back. The state of the resource
// changes in the same transaction as that of the operation.

import type { Logger } from 'pino';
import { OperatorError } from '../../base/errors.ts';
import { ArmError } from '../model/arm-error.ts';
import { advance, type OperationFault, type Outcome } from '../model/operation.ts';
import {
  findOperation,
  type OperationKind,
  type OperationRecord,
  type OperationReport,
  unfinished,
  writeProgress,
  writeReport,
} from '../store/operations.ts';
import type { Change, Store } from '../store/store.ts';

export interface StepContext {
  readonly operation: OperationRecord;
  /** Whether this step may have been begun before. */
  readonly isAgain: boolean;
  /** Aborted when the control plane stops: a long step may end then, and the next start begins it again. */
  readonly signal: AbortSignal;
  /** Says how far the operation is, and what came of it, to those who ask. */
  readonly report: (report: OperationReport) => Promise<void>;
}

export interface Step {
  readonly name: string;
  /** Brings about a state; may be called again. */
  readonly run: (context: StepContext) => Promise<void>;
  /** Takes back what `run` did, or did half of. */
  readonly undo?: (context: StepContext) => Promise<void>;
}

export interface Definition {
  readonly steps: readonly Step[];
  /** What becomes of the resource, with the operation's last state. */
  readonly succeeded: (change: Change, operation: OperationRecord) => Promise<void>;
  readonly failed: (
    change: Change,
    operation: OperationRecord,
    fault: OperationFault,
  ) => Promise<void>;
}

export type Definitions = Readonly<Record<OperationKind, Definition>>;

/** Where a test may let the process die. */
export type Moment = 'before' | 'after';
export type OnStep = (operation: OperationRecord, step: string, moment: Moment) => void;

export interface RunnerOptions {
  readonly store: Store;
  readonly definitions: Definitions;
  readonly log: Logger;
  /** So many at a time. */
  readonly concurrency?: number;
  readonly onStep?: OnStep | undefined;
}

const CONCURRENCY = 3;
const UNDO_ATTEMPTS = 3;

export class OperationRunner {
  readonly #options: RunnerOptions;
  /** Under way in this process. */
  readonly #running = new Map<string, Promise<void>>();
  /** Found unfinished at the start: their next step may have been begun before. */
  readonly #inherited = new Set<string>();
  readonly #stopping = new AbortController();
  #look: Promise<void> = Promise.resolve();

  constructor(options: RunnerOptions) {
    this.#options = options;
  }

  /** Goes on with what an earlier life of the control plane left. */
  async start(): Promise<void> {
    const left = await unfinished(this.#options.store.db);
    for (const { id, kind, targetId } of left) {
      this.#inherited.add(id);
      this.#options.log.warn({ id, kind, targetId }, 'going on with an operation');
    }
    this.wake();
  }

  /** There may be something to do. */
  wake(): void {
    this.#look = this.#look
      .then(() => this.#begin())
      .catch((err: unknown) => {
        this.#options.log.error({ err }, 'operations could not be read');
      });
  }

  /** Begins nothing more, and waits for what is under way: for `graceMs` at most. */
  async stop(graceMs: number): Promise<void> {
    this.#stopping.abort();
    await this.#look;
    const timer = AbortSignal.timeout(graceMs);
    const over = new Promise<void>((resolve) => timer.addEventListener('abort', () => resolve()));
    await Promise.race([Promise.all(this.#running.values()), over]);
  }

  async #begin(): Promise<void> {
    const free = (this.#options.concurrency ?? CONCURRENCY) - this.#running.size;
    if (this.#stopping.signal.aborted || free <= 0) return;
    const waiting = await unfinished(this.#options.store.db);
    for (const operation of waiting.filter(({ id }) => !this.#running.has(id)).slice(0, free)) {
      const work = this.#run(operation)
        .catch((err: unknown) => {
          this.#options.log.error({ err, id: operation.id }, 'an operation could not go on');
        })
        .finally(() => {
          this.#running.delete(operation.id);
          this.wake();
        });
      this.#running.set(operation.id, work);
    }
  }

  async #run(begun: OperationRecord): Promise<void> {
    const { store, definitions, log } = this.#options;
    const definition = definitions[begun.kind];
    // What was found unfinished may have ended while it was looked for.
    const now = await findOperation(store.db, begun.id);
    if (now?.status !== 'InProgress') return;
    let operation = now;
    let isAgain = this.#inherited.delete(begun.id);
    const { signal } = this.#stopping;
    while (operation.status === 'InProgress' && !signal.aborted) {
      const outcome = await this.#step(definition, operation, isAgain);
      // What failed while everything ends is tried again by the next start.
      if (outcome.kind === 'failed' && signal.aborted) return;
      isAgain = false;
      const after = { ...operation, ...advance(operation, definition.steps.length, outcome) };
      await store.change(async (change) => {
        await writeProgress(change, after.id, after);
        if (after.status === 'Succeeded') await definition.succeeded(change, after);
        else if (after.status === 'Failed') {
          await definition.failed(change, after, after.fault ?? UNKNOWN_FAULT);
        }
      });
      operation = after;
    }
    const { id, kind, targetId, status, fault } = operation;
    log.info({ id, kind, targetId, status, fault }, 'operation');
  }

  async #step(
    definition: Definition,
    operation: OperationRecord,
    isAgain: boolean,
  ): Promise<Outcome> {
    const step = definition.steps[operation.step];
    if (step === undefined) return { kind: 'done' };
    const { onStep, log, store } = this.#options;
    const context = {
      ...{ operation, isAgain, signal: this.#stopping.signal },
      report: (report: OperationReport) => writeReport(store.db, operation.id, report),
    };
    onStep?.(operation, step.name, 'before');
    try {
      if (operation.direction === 'forward') await step.run(context);
      else await this.#undo(step, context);
    } catch (err) {
      log.error({ err, id: operation.id, step: step.name }, 'a step of an operation failed');
      return { kind: 'failed', fault: faultOf(err) };
    }
    onStep?.(operation, step.name, 'after');
    return { kind: 'done' };
  }

  /** What cannot be taken back must not keep the rest from being taken back. */
  async #undo(step: Step, context: StepContext): Promise<void> {
    for (let attempt = 1; attempt <= UNDO_ATTEMPTS; attempt++) {
      try {
        await step.undo?.({ ...context, isAgain: context.isAgain || attempt > 1 });
        return;
      } catch (err) {
        const { id } = context.operation;
        this.#options.log.error({ err, id, step: step.name, attempt }, 'a step is not undone');
      }
    }
  }
}

const UNKNOWN_FAULT: OperationFault = { code: 'OperationFailed', message: 'It failed.' };

function faultOf(error: unknown): OperationFault {
  if (error instanceof OperatorError) {
    return { code: error.code, message: `${error.message}. ${error.action}` };
  }
  if (error instanceof ArmError) return { code: error.code, message: error.message };
  const message = error instanceof Error ? error.message : String(error);
  return { code: 'OperationFailed', message };
}
