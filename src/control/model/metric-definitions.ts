// The metrics of clusters and caches, by the names that Azure Monitor has for them.

export const AGGREGATIONS = ['Average', 'Minimum', 'Maximum', 'Total', 'Count'] as const;
export type Aggregation = (typeof AGGREGATIONS)[number];

type Unit = 'Count' | 'Bytes' | 'Percent' | 'BytesPerSecond';

export interface MetricDefinition {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly unit: Unit;
  /** What is answered when nothing else is asked for. */
  readonly primary: Aggregation;
}

export type MetricNamespace = 'Microsoft.Cache/redisEnterprise' | 'Microsoft.Cache/redis';

function metric(
  name: string,
  title: string,
  description: string,
  unit: Unit = 'Count',
  primary: Aggregation = 'Maximum',
): MetricDefinition {
  return { name, title, description, unit, primary };
}

const COMMON: readonly MetricDefinition[] = [
  metric('usedmemory', 'Used Memory', 'What the engine counts against its limit.', 'Bytes'),
  metric('usedmemorypercentage', 'Used Memory Percentage', 'The same of the limit.', 'Percent'),
  metric('operationsPerSecond', 'Operations Per Second', 'Commands, as the engine measures them.'),
  metric(
    'connectedclients',
    'Connected Clients',
    'Connections, those of the replicator among them.',
  ),
  metric('totalkeys', 'Total Keys', 'Keys of all databases of the engine.'),
  metric(
    'serverLoad',
    'Server Load',
    "Time of its core that the engine's main thread used.",
    'Percent',
  ),
  metric('percentProcessorTime', 'CPU', 'Time of a core that all its threads used.', 'Percent'),
  metric('cachehits', 'Cache Hits', 'Reads of keys that were there.', 'Count', 'Total'),
  metric('cachemisses', 'Cache Misses', 'Reads of keys that were not there.', 'Count', 'Total'),
  metric('getcommands', 'Gets', 'Commands that get values.', 'Count', 'Total'),
  metric('setcommands', 'Sets', 'Commands that set values.', 'Count', 'Total'),
  metric('totalcommandsprocessed', 'Total Operations', 'Commands.', 'Count', 'Total'),
  metric('evictedkeys', 'Evicted Keys', 'Keys evicted for want of memory.', 'Count', 'Total'),
  metric('expiredkeys', 'Expired Keys', 'Keys whose time was over.', 'Count', 'Total'),
  metric('cacheRead', 'Cache Read', 'Bytes sent to clients.', 'BytesPerSecond'),
  metric('cacheWrite', 'Cache Write', 'Bytes received from clients.', 'BytesPerSecond'),
  metric('cacheLatency', 'Cache Latency', 'Microseconds for a command.', 'Count', 'Average'),
  metric('errors', 'Errors', 'Commands that were answered with an error.', 'Count', 'Total'),
];

const DEFINITIONS: Readonly<Record<MetricNamespace, readonly MetricDefinition[]>> = {
  'Microsoft.Cache/redisEnterprise': [
    metric(
      'geoReplicationHealthy',
      'Geo Replication Healthy',
      '1: it takes part in its group and reaches every other member; 0: not.',
    ),
    ...COMMON,
  ],
  'Microsoft.Cache/redis': [
    ...COMMON,
    metric('usedmemoryRss', 'Used Memory RSS', 'Memory of the process.', 'Bytes'),
    metric(
      'cachemissrate',
      'Cache Miss Rate',
      'Misses of all reads of keys.',
      'Percent',
      'Average',
    ),
  ],
};

export function metricsOf(namespace: MetricNamespace): readonly MetricDefinition[] {
  return DEFINITIONS[namespace];
}

/** The only one of its kind: a cache is one engine. */
export const DIMENSIONS: Readonly<Record<MetricNamespace, string>> = {
  'Microsoft.Cache/redisEnterprise': 'InstanceId',
  'Microsoft.Cache/redis': 'ShardId',
};
export const ONLY_INSTANCE = '0';
