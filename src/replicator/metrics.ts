// The status of a replicator as Prometheus metrics. One source (the status), so both always agree.

import { Counter, Gauge, Registry } from 'prom-client';
import type { EngineMemoryStatus, OutageStatus, PeerStatus, ReplicatorStatus } from './status.ts';

type Labels = Record<string, string>;
type Values = (status: ReplicatorStatus) => [Labels, number][];

export class Metrics {
  readonly #registry = new Registry();
  readonly #status: () => ReplicatorStatus;
  /** Taken once for each answer. */
  #current: ReplicatorStatus;

  constructor(status: () => ReplicatorStatus) {
    this.#status = status;
    this.#current = status();
    const { region, group } = this.#current;
    this.#registry.setDefaultLabels({ region, group });
    this.#addTotals();
    this.#addGauges();
    this.#addPeers();
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    this.#current = this.#status();
    return this.#registry.metrics();
  }

  #addTotals(): void {
    this.#total(
      'ops_captured_total',
      'Own ops taken from the replication stream',
      (s) => s.captured,
    );
    this.#total('ops_applied_total', 'Ops of peers made visible in the engine', (s) => s.applied);
    this.#total('ops_skipped_total', 'Ops that arrived more than once', (s) => s.skipped);
    this.#total(
      'apply_retries_total',
      'Transactions refused because of a local write',
      (s) => s.applyRetries,
    );
    this.#total(
      'apply_races_total',
      'Local writes that slipped in where no WATCH stood',
      (s) => s.applyRaces,
    );
    this.#total(
      'apply_errors_total',
      'Applied commands that the engine refused',
      (s) => s.applyErrors,
    );
    this.#total(
      'strange_fences_total',
      'Fences in the stream that were not made here',
      (s) => s.strangeFences ?? 0,
    );
    this.#total(
      'engine_memory_refusals_total',
      'Transactions and reads refused for want of memory, and tried again',
      (s) => s.engineMemory?.refusals ?? 0,
    );
    this.#total(
      'gap_keys_asserted_total',
      'Keys shipped because writes of the engine were missed',
      (s) => s.gap?.asserted ?? 0,
    );
    this.#total(
      'gap_keys_restored_total',
      'Keys fetched back because writes of the engine were missed',
      (s) => s.gap?.restored ?? 0,
    );
    const help = 'Concurrent writes merged, by type and rule';
    this.#counters('conflicts_total', help, ['type', 'rule'], conflictCounts);
    this.#counters('unknown_commands_total', 'Commands without a merge rule', ['command'], (s) =>
      Object.entries(s.unknownCommands ?? {}).map(([command, count]) => [{ command }, count]),
    );
  }

  #addGauges(): void {
    this.#gauge('engine_up', '1 when the engine answers', (s) => (s.engine.up ? 1 : 0));
    this.#gauge('engine_keys', 'Keys in the engine', (s) => s.engine.keys ?? 0);
    this.#gauge(
      'live_index_keys',
      'Keys with ops that some member has not confirmed',
      (s) => s.liveIndex.keys,
    );
    this.#gauge('live_index_ops', 'Ops that some member has not confirmed', (s) => s.liveIndex.ops);
    this.#gauge(
      'live_index_merged_keys',
      'Keys on which concurrent ops have met that some member has not confirmed',
      (s) => s.liveIndex.merged ?? 0,
    );
    this.#gauge(
      'live_index_bytes',
      'Memory for keys with unconfirmed ops, estimated',
      (s) => s.liveIndex.bytes ?? 0,
    );
    this.#gauge(
      'live_index_disk_bytes',
      'Disk space for keys with unconfirmed ops, besides the log',
      (s) => s.liveIndex.diskBytes ?? 0,
    );
    this.#gauge('log_bytes', 'Size of the log on disk', (s) => s.logBytes);
    this.#gauges('disk_free_bytes', 'Free on the disk of the log', [], (s) =>
      s.diskFreeBytes == null ? [] : [[{}, s.diskFreeBytes]],
    );
    this.#gauge('gap_open', '1: writes of the engine were missed, keys are being compared', (s) =>
      s.gap?.isOver === false ? 1 : 0,
    );
    this.#gauge('log_full', '1: no room for the log, replication stands still', (s) =>
      s.diskAlarm == null ? 0 : 1,
    );
    this.#gauge('waiting_ops', 'Ops of peers that are not visible yet', (s) => s.waiting);
    this.#gauge('captured_offset', 'Replication offset taken in', (s) => s.capturedOffset);
    this.#gauges('capture_from_standby', '1: the standby is captured; 0: the engine is', [], (s) =>
      s.capture?.standby == null ? [] : [[{}, s.capture.source === 'standby' ? 1 : 0]],
    );
    this.#gauges(
      'standby_lag_bytes',
      'Of the stream, not yet carried out by the standby',
      [],
      (s) => (s.capture?.standby?.lagBytes == null ? [] : [[{}, s.capture.standby.lagBytes]]),
    );
    const memory = (name: string, help: string, value: (m: EngineMemoryStatus) => number | null) =>
      this.#gauges(name, help, [], ({ engineMemory }) => {
        const number = engineMemory === undefined ? null : value(engineMemory);
        return number === null ? [] : [[{}, number]];
      });
    memory('engine_memory_used_bytes', 'As counted against maxmemory', (m) => m.usedBytes);
    memory('engine_memory_limit_bytes', 'maxmemory; 0 is none', (m) => m.limitBytes);
    memory('engine_evicted_keys', 'Keys evicted since the engine started', (m) => m.evictedKeys);
    memory('engine_full', '1: clients are refused; 2: replication waits', (m) =>
      ['ok', 'full', 'waiting'].indexOf(m.state),
    );
    this.#gauge(
      'clock_ahead_ms',
      'Timestamps given here ahead of the time here',
      (s) => s.clock?.aheadMs ?? 0,
    );
    this.#gauges('clock_ahead_of_peers_ms', 'Own clock minus that of the majority', [], (s) =>
      s.clock?.aheadOfPeersMs == null ? [] : [[{}, s.clock.aheadOfPeersMs]],
    );
    this.#gauge('memory_rss_bytes', 'Resident memory', (s) => s.memory.rssBytes);
  }

  #addPeers(): void {
    const gauge = (name: string, help: string, value: (p: PeerStatus) => number | null) =>
      this.#gauges(name, help, ['peer'], (s) => byPeer(s, value));
    gauge('peer_connected', '1 when the link stands in both directions', (p) =>
      p.connected ? 1 : 0,
    );
    gauge('peer_lag_ms', 'Write executed there until visible here', (p) => p.lagMs);
    gauge('peer_round_trip_ms', 'Round trip of the link', (p) => p.roundTripMs);
    gauge('peer_clock_skew_ms', 'Clock of the peer minus ours', (p) => p.clockSkewMs);
    gauge('peer_pending_ops', 'Own ops the peer has not confirmed', (p) => p.pendingOps);
    gauge('peer_pending_bytes', 'Bytes of those', (p) => p.pendingBytes);
    const outage = (name: string, help: string, value: (o: OutageStatus) => number | null) =>
      gauge(name, help, ({ outage: known }) => (known ? value(known) : null));
    outage('peer_kept_ops', 'Ops kept for a peer that cannot be reached', (o) => o.ops);
    outage('peer_kept_bytes', 'Bytes of those', (o) => o.bytes);
    outage('peer_kept_growth_bytes_per_hour', 'How fast they grow', (o) => o.growthBytesPerHour);
    outage('peer_runway_seconds', 'Until the limit of the log is reached, at this rate', (o) =>
      o.runwayMs === null ? null : o.runwayMs / 1000,
    );
    gauge('peer_stale', '1: it has to be filled anew; nothing is kept for it', ({ stale }) =>
      stale ? 1 : 0,
    );
    gauge('peer_writes_not_received', 'Ops that the peer said it had written, not here', (p) =>
      p.writes === undefined ? null : p.writes.said - p.writes.received,
    );
    gauge('peer_held_frames', 'Frames held: the clock of the peer is ahead', (p) =>
      p.held === undefined ? null : (p.held?.heldFrames ?? 0),
    );
    gauge('peer_held_ahead_ms', 'How far the first of them is ahead of the time here', (p) =>
      p.held === undefined ? null : (p.held?.aheadMs ?? 0),
    );
    const total = (name: string, help: string, value: (p: PeerStatus) => number) =>
      this.#counters(name, help, ['peer'], (s) => byPeer(s, value));
    total('peer_sent_bytes_total', 'Bytes sent', (p) => p.sentBytes);
    total('peer_received_bytes_total', 'Bytes received', (p) => p.receivedBytes);
  }

  #gauge(name: string, help: string, value: (s: ReplicatorStatus) => number): void {
    this.#gauges(name, help, [], (s) => [[{}, value(s)]]);
  }

  #total(name: string, help: string, value: (s: ReplicatorStatus) => number): void {
    this.#counters(name, help, [], (s) => [[{}, value(s)]]);
  }

  #gauges(name: string, help: string, labelNames: string[], values: Values): void {
    const current = (): ReplicatorStatus => this.#current;
    new Gauge({
      name: `atoll_${name}`,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        this.reset();
        for (const [labels, value] of values(current())) this.set(labels, value);
      },
    });
  }

  #counters(name: string, help: string, labelNames: string[], values: Values): void {
    const current = (): ReplicatorStatus => this.#current;
    new Counter({
      name: `atoll_${name}`,
      help,
      labelNames,
      registers: [this.#registry],
      collect() {
        // The status has the sums: a counter can only be increased, so it begins anew.
        this.reset();
        for (const [labels, value] of values(current())) this.inc(labels, value);
      },
    });
  }
}

function conflictCounts({ conflictRules }: ReplicatorStatus): [Labels, number][] {
  return Object.entries(conflictRules ?? {}).flatMap(([type, rules]) =>
    Object.entries(rules).map(([rule, count]): [Labels, number] => [{ type, rule }, count]),
  );
}

/** Without the peers of which the value is not known. */
function byPeer(
  status: ReplicatorStatus,
  value: (peer: PeerStatus) => number | null,
): [Labels, number][] {
  return status.peers.flatMap((peer): [Labels, number][] => {
    const number = value(peer);
    return number === null ? [] : [[{ peer: peer.region }, number]];
  });
}
