// What is being waited for, on one line of a terminal that is taken away again.

export class Progress {
  readonly #stream: { write(text: string): unknown };
  readonly #isShown: boolean;
  readonly #sinceMs = performance.now();
  #what = '';
  #isThere = false;

  constructor(stream: { write(text: string): unknown }, isShown: boolean) {
    this.#stream = stream;
    this.#isShown = isShown;
  }

  /** What the states that follow are about. */
  about(what: string): void {
    this.#what = what;
  }

  show(state: string): void {
    if (!this.#isShown) return;
    const seconds = Math.round((performance.now() - this.#sinceMs) / 1_000);
    const what = this.#what === '' ? '' : `${this.#what}: `;
    this.#stream.write(`\r\x1b[K - ${what}${state} (${seconds} s)`);
    this.#isThere = true;
  }

  clear(): void {
    if (!this.#isThere) return;
    this.#stream.write('\r\x1b[K');
    this.#isThere = false;
  }
}
