// A connection of a simulated replicator to its engine: what was sent runs in order, and is answered in order.

import type { ModelClient } from './model-engine/model-client.ts';

export class Connection {
  readonly client: ModelClient;
  lastArrival = 0;
  lastAnswer = 0;
  open = true;

  constructor(client: ModelClient) {
    this.client = client;
  }
}
