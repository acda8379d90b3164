// One thing at a time is done to each thing. A call that comes again because its answer was lost waits for the first.

export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  isTaken(name: string): boolean {
    return this.#last.has(name);
  }

  async take<Result>(name: string, action: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(name) ?? Promise.resolve();
    const mine = before.then(action, action);
    const settled = mine.catch(() => undefined);
    this.#last.set(name, settled);
    void settled.then(() => {
      if (this.#last.get(name) === settled) this.#last.delete(name);
    });
    return await mine;
  }
}
