// Assertions state what is true if this code is right. They stay on in production: a broken
// invariant must stop the process (it restarts from durable state) rather than spread.

/** Throws when `condition` is false: a programming error, never bad input. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${message}`);
}

/** Marks a branch that the types say cannot be reached. */
export function unreachable(value: never): never {
  throw new Error(`assertion failed: unexpected value ${String(value)}`);
}
