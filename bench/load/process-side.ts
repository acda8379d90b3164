// How a load process talks to the benchmark that started it: options as one JSON argument, the result
// or the reason of a failure as one message.

/** The JSON argument this process was started with. */
export function argumentOf(argv: readonly string[]): unknown {
  return JSON.parse(argv[2] ?? 'null');
}

/** Runs the work, sends its result (or failure) to the parent and lets the process end. */
export async function answer(work: () => Promise<object>): Promise<void> {
  // Without the parent nobody wants the result: never outlive it.
  process.once('disconnect', () => process.exit(1));
  let message: object;
  try {
    message = await work();
  } catch (error) {
    message = { kind: 'failure', message: error instanceof Error ? error.message : String(error) };
  }
  process.send?.(message, () => process.exit(0));
}
