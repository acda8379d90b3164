// The status of a replicator as Prometheus metrics. One source (the status), so both always agree.

import { Counter, Gauge, Registry } from 'prom-client';
import type { ReplicatorStatus } from './status.ts';

type Labels = Record<string, string>;

export class Metrics {
  readonly #registry = new Registry();
  readonly #status: () => ReplicatorStatus;

  constructor(status: () => ReplicatorStatus) {
    this.#status = status;
    const { region, group } = status();
    this.#registry.setDefaultLabels({ region, group });
    this.#addTotals();
    this.#addGauges();
    this.#addPeerGauges();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }

  #addTotals(): void {
    this.#total('ops_captured_total', 'Own ops taken from the replication stream', (s) => s.captured);
    this.#total('ops_applied_total', 'Ops of peers made visible in the engine', (s) => s.applied);
    this.#total('ops_skipped_total', 'Ops that arrived more than once', (s) => s.skipped);
    this.#total('apply_retries_total', 'Transactions refused because of a local write', (s) => s.applyRetries);
    this.#total('apply_races_total', 'Local writes that slipped in where no WATCH stood', (s) => s.applyRaces);
    this.#total('apply_errors_total', 'Applied commands that the engine refused', (s) => s.applyErrors);
    this.#many('conflicts_total', 'Concurrent writes merged, by type', ['type'], (s) =>
      Object.entries(s.conflicts).map(([type, count]) => [{ type }, count]),
    );
  }

  #addGauges(): void {
    this.#gauge('engine_up', '1 when the engine answers', (s) => (s.engine.up ? 1 : 0));
    this.#gauge('engine_keys', 'Keys in the engine', (s) => s.engine.keys ?? 0);
    this.#gauge('live_index_keys', 'Keys with ops that some member has not confirmed', (s) => s.liveIndex.keys);
    this.#gauge('live_index_ops', 'Ops that some member has not confirmed', (s) => s.liveIndex.ops);
    this.#gauge('log_bytes', 'Size of the log on disk', (s) => s.logBytes);
    this.#gauge('waiting_ops', 'Ops of peers that are not visible yet', (s) => s.waiting);
    this.#gauge('captured_offset', 'Replication offset taken in', (s) => s.capturedOffset);
    this.#gauge('memory_rss_bytes', 'Resident memory', (s) => s.memory.rssBytes);
  }

  #addPeerGauges(): void {
    const peers = (name: string, help: string, value: (p: ReplicatorStatus['peers'][number]) => number | null) =>
      this.#many(name, help, ['peer'], (s) =>
        s.peers.flatMap((p): [Labels, number][] => {
          const v = value(p);
          return v === null ? [] : [[{ peer: p.region }, v]];
        }),
      );
    peers('peer_connected', '1 when the link stands in both directions', (p) => (p.connected ? 1 : 0));
    peers('peer_lag_ms', 'Write executed there until visible here', (p) => p.lagMs);
    peers('peer_round_trip_ms', 'Round trip of the link', (p) => p.roundTripMs);
    peers('peer_clock_skew_ms', 'Clock of the peer minus ours', (p) => p.clockSkewMs);
    peers('peer_pending_ops', 'Own ops the peer has not confirmed', (p) => p.pendingOps);
    peers('peer_pending_bytes', 'Bytes of those', (p) => p.pendingBytes);
    peers('peer_sent_bytes_total', 'Bytes sent', (p) => p.sentBytes);
    peers('peer_received_bytes_total', 'Bytes received', (p) => p.receivedBytes);
  }

  #gauge(name: string, help: string, value: (s: ReplicatorStatus) => number): void {
    this.#many(name, help, [], (s) => [[{}, value(s)]]);
  }

  #many(
    name: string,
    help: string,
    labelNames: string[],
    values: (s: ReplicatorStatus) => [Labels, number][],
  ): void {
    const status = this.#status;
    new Gauge({
      name: `atoll_${name}`,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [labels, value] of values(status())) this.set(labels, value);
      },
    });
  }

  #total(name: string, help: string, value: (s: ReplicatorStatus) => number): void {
    const status = this.#status;
    new Counter({
      name: `atoll_${name}`,
      help,
      registers: [this.#registry],
      collect() {
        this.reset();
        this.inc(value(status()));
      },
    });
  }
}
