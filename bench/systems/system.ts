// What the benchmark needs of a replicated system: a place to write, a place to read, and the
// processes that do the work. The systems under comparison differ behind this, nowhere else.

import type { Cleanup } from '../cleanup.ts';
import type { Endpoint } from '../load/messages.ts';

export type SystemName = 'stock' | 'atoll';

/** A running pair: what is written at the writer appears at the reader. */
export interface RunningSystem {
  readonly name: SystemName;
  /** One line for the report: what exactly was measured. */
  readonly description: string;
  readonly writer: Endpoint;
  readonly reader: Endpoint;
  /** Every server process, engines and replicators, whose CPU time is the system's price. */
  readonly serverPids: readonly number[];
  /** Those of them that run beside the engines; none for native replication. */
  readonly replicatorPids: readonly number[];
  /** Stops replication as a partition would, without closing connections. */
  cut(): Promise<void>;
  heal(): Promise<void>;
  stop(): Promise<void>;
}

export interface StartOptions {
  /** Path or name of the engine's binary, the same for all systems. */
  engine: string;
  /** Atoll's links without TLS. */
  plain: boolean;
  /** An empty directory of the system's own. */
  dir: string;
  cleanup: Cleanup;
}
