// What every benchmark does when somebody ends it from the terminal: it undoes what it has made, and leaves.

import type { Cleanup } from './cleanup.ts';

export const INTERRUPTED = 130;

/** Runs `work`, then the cleanup. Returns what `work` returns, or INTERRUPTED. */
export async function interruptibly(
  cleanup: Cleanup,
  work: () => Promise<number>,
): Promise<number> {
  let interrupt: () => void = () => undefined;
  const interrupted = new Promise<number>((resolve) => {
    interrupt = () => resolve(INTERRUPTED);
  });
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  try {
    const working = work();
    // After an interrupt the rest of the work fails, as what it uses goes away under it.
    working.catch(() => undefined);
    return await Promise.race([working, interrupted]);
  } finally {
    await cleanup.run();
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt);
  }
}
