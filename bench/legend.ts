// What the rows mean and what they promise, printed below the table.

import { describeMix } from './load/workloads.ts';

export function legend(): string[] {
  return [
    'All figures are medians over rounds in which the two systems took turns on this machine; max is the',
    'worst of all rounds. Ratios are comparable between machines, absolute figures are not.',
    'Throughput and p99: redis-benchmark with 50 clients, values of 64 bytes, 100,000 random keys, while',
    '  replication runs. Target: at least 0.85 of stock replication at pipeline 1, 0.75 at pipeline 16.',
    `Mixed: ${describeMix()} percent;`,
    '  by a load generator that takes more of the machine than redis-benchmark, but the same for both.',
    'Lag: from sending an XADD to the writer until a blocked XREAD at the reader has the entry, one clock,',
    '  200 probes a second beside 20,000 writes a second (SETs where nothing else is said).',
    '  Target: p50 at most 1.5 ms, p99 at most 5 ms.',
    'CPU: user and system time of all servers (engines and replicators) from the first write until the',
    '  reader is level. Target: at most 1.6 times stock replication.',
    'Catching up: time after a period flat out until the reader has every key and a last marker; and the',
    '  rate at which a backlog arrives once nobody writes. Target: at least 200,000 ops/s.',
    "Memory: the engine's bytes per key beyond those in an engine that replicates nothing, in whole bytes",
    '  (0 wanted), and the resident memory of the replicators (flat: at most 5% growth under steady load).',
    'Lists: what replicators hold for lists built by RPUSH, garbage collected and frames released (less than',
    '  1 byte per element wanted), what is resident by it (noise of megabytes, not judged), and whether a',
    '  queue in use makes them hold more.',
    'Full sync: a new member that joins through the tunnel of its donor (TLS), against a replica of the same',
    '  engine in the clear, and one over TLS, taking turns; the best of the rounds. CPU time: both engines and',
    '  both replicators. Target: at least 0.9 of the replica in the clear. "53 GB" is computed.',
    'Members: the same number of mixed writes, in all regions at once, from the first until every region has all;',
    '  stock replication takes all of them in one place. What meets on the same keys has to be merged.',
    'Hot keys: the same number of writes on one key in each of three regions, at some rate and at twice that',
    '  rate: CPU microseconds of all three replicators per write, until all regions have all of them. At most',
    '  1 is linear, at most 2 is promised; "differs": the regions did not come to show the same value. Being',
    '  woken costs much at low rates, so more writes at a time make each cheaper.',
  ];
}
