// What must be undone, whatever happens: the benchmark ends, fails, or is interrupted.

/** Undoes things in reverse order of their making, each once. */
export class Cleanup {
  readonly #actions = new Set<() => Promise<void> | void>();
  #hasBegun = false;

  /** The benchmark is over: nothing may be started any more. */
  get hasBegun(): boolean {
    return this.#hasBegun;
  }

  /** Registers an action; the returned function takes it back without running it. */
  defer(action: () => Promise<void> | void): () => void {
    this.#actions.add(action);
    return () => {
      this.#actions.delete(action);
    };
  }

  /** Runs what is registered, also what is registered meanwhile. One failure does not stop the rest. */
  async run(): Promise<void> {
    this.#hasBegun = true;
    const failures: unknown[] = [];
    while (this.#actions.size > 0) {
      const action = [...this.#actions].at(-1) as () => Promise<void> | void;
      this.#actions.delete(action);
      try {
        await action();
      } catch (error) {
        failures.push(error);
      }
    }
    if (failures.length > 0) throw failures[0];
  }
}
