// A client's connection to a model engine: its transaction and its watches.

import type { Watcher } from './keyspace.ts';

export class ModelClient implements Watcher {
  readonly watched = new Map<string, boolean>();
  touched = false;
  /** Commands queued since MULTI; undefined outside a transaction. */
  queue: (readonly string[])[] | undefined;
  /** A command could not be queued: EXEC is refused. */
  spoiled = false;
}
