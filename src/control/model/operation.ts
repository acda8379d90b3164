// A long-running operation as a state machine: steps forwards, and when one fails the same steps backwards. The
// state is stored after every step, so whoever finds it knows what to do next. Steps may run twice (a crash may
// come between a step and its being written down), so each is written to be repeatable.
//
//            stepDone                    stepDone (last)
//   forward ----------> forward, step+1 ----------------> Succeeded
//      | stepFailed
//      v      undone                     undone (first)
//   backward ---------> backward, step-1 ---------------> Failed

export type OperationStatus = 'InProgress' | 'Succeeded' | 'Failed';
export type Direction = 'forward' | 'backward';

export interface OperationFault {
  readonly code: string;
  readonly message: string;
}

export interface Progress {
  readonly status: OperationStatus;
  readonly direction: Direction;
  /** The step to run, or to undo, next. */
  readonly step: number;
  readonly fault: OperationFault | null;
}

export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly fault: OperationFault };

export const BEGINNING: Progress = {
  status: 'InProgress',
  direction: 'forward',
  step: 0,
  fault: null,
};

/**
 * What follows from the outcome of the step that was next. A failed step is undone too: it may have done half of
 * what it was to do. An undo that fails does not keep the others from being undone.
 */
export function advance(now: Progress, steps: number, outcome: Outcome): Progress {
  if (now.status !== 'InProgress') return now;
  if (now.direction === 'forward') {
    if (outcome.kind === 'failed') return { ...now, direction: 'backward', fault: outcome.fault };
    const step = now.step + 1;
    return step >= steps ? { ...now, step, status: 'Succeeded' } : { ...now, step };
  }
  const step = now.step - 1;
  return step < 0 ? { ...now, step: 0, status: 'Failed' } : { ...now, step };
}
