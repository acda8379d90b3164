// What a replicator has done since it started. Plain numbers: the shell turns them into metrics.

export class Counters {
  captured = 0;
  applied = 0;
  /** Ops that arrived again. */
  skipped = 0;
  /** A local write slipped in where no WATCH stood. */
  applyRaces = 0;
  /** Commands that an engine refused inside a transaction. */
  applyErrors = 0;
  /** Fences that no one here made. */
  strangeFences = 0;
  /** Commands without a rule of their own, by name. */
  readonly unknownCommands: Record<string, number> = {};

  /** All that came by. */
  get ops(): number {
    return this.captured + this.applied + this.skipped;
  }

  /** True the first time a name is seen. */
  unknownCommand(name: string): boolean {
    const count = this.unknownCommands[name] ?? 0;
    this.unknownCommands[name] = count + 1;
    return count === 0;
  }
}
