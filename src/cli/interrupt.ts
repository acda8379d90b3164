// Ctrl-C and SIGTERM as an AbortSignal, so that a command can put things away before it ends.

/** Runs `work`; an interrupt aborts its signal. Further ones are ignored: it is putting things away. */
export async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupt = new AbortController();
  const onSignal = () => interrupt.abort();
  const names = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
  for (const name of names) process.on(name, onSignal);
  try {
    return await work(interrupt.signal);
  } finally {
    for (const name of names) process.off(name, onSignal);
  }
}

export const EXIT_INTERRUPTED = 130;
