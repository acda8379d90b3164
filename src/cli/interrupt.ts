// Ctrl-C and SIGTERM as an AbortSignal, so that a command can put things away before it ends.

/** Runs `work`; the first interrupt aborts its signal, a second one ends the process at once. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupt = new AbortController();
  const onSignal = () => {
    if (interrupt.signal.aborted) process.exit(EXIT_INTERRUPTED);
    interrupt.abort();
  };
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, onSignal);
  try {
    return await work(interrupt.signal);
  } finally {
    for (const name of names) process.off(name, onSignal);
  }
}

export const EXIT_INTERRUPTED = 130;
