// From what an engine says of itself (INFO), now and some time ago, to the values of metrics.

export interface EngineCounters {
  /** Another one: the engine has been started anew, and counts from 0. */
  readonly runId: string;
  readonly atMs: number;
  /** The numbers of INFO, by their names. */
  readonly numbers: ReadonlyMap<string, number>;
  readonly keys: number;
  /** By command, in lower case, subcommands as `config|get`. */
  readonly commands: ReadonlyMap<string, { readonly calls: number; readonly usec: number }>;
}

/** By the names of metrics. */
export type Readings = Readonly<Record<string, number>>;

/** `info`: the answer to INFO with all sections. */
export function readCounters(info: string, atMs: number): EngineCounters {
  const numbers = new Map<string, number>();
  const commands = new Map<string, { calls: number; usec: number }>();
  let runId = '';
  let keys = 0;
  for (const line of info.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const [name, text] = [line.slice(0, colon), line.slice(colon + 1)];
    if (name === 'run_id') runId = text;
    else if (/^db\d+$/.test(name)) keys += fieldOf(text, 'keys');
    else if (name.startsWith('cmdstat_')) {
      const stat = { calls: fieldOf(text, 'calls'), usec: fieldOf(text, 'usec') };
      commands.set(name.slice('cmdstat_'.length).toLowerCase(), stat);
    } else if (/^-?\d+(\.\d+)?$/.test(text)) numbers.set(name, Number(text));
  }
  return { runId, atMs, numbers, keys, commands };
}

function fieldOf(text: string, name: string): number {
  return Number(new RegExp(`\\b${name}=(\\d+)`).exec(text)?.[1] ?? 0);
}

/** As Azure counts them. */
const GETS = ['get', 'hget', 'hgetall', 'hmget', 'mget', 'getbit', 'getrange'];
const SETS = [
  ...['set', 'hset', 'hmset', 'hsetnx', 'lset', 'mset', 'msetnx', 'setbit', 'setex', 'setrange'],
  'setnx',
];

/** What is so now, and what has happened since; the latter only where there is something earlier. */
export function readingsFrom(now: EngineCounters, earlier: EngineCounters | null): Readings {
  const number = (name: string): number => now.numbers.get(name) ?? 0;
  const usedBytes = Math.max(0, number('used_memory') - number('mem_not_counted_for_evict'));
  const limitBytes = number('maxmemory');
  return {
    usedmemory: usedBytes,
    ...(limitBytes === 0 ? {} : { usedmemorypercentage: (100 * usedBytes) / limitBytes }),
    usedmemoryRss: number('used_memory_rss'),
    operationsPerSecond: number('instantaneous_ops_per_sec'),
    connectedclients: number('connected_clients'),
    totalkeys: now.keys,
    ...(earlier === null || earlier.atMs >= now.atMs ? {} : changes(now, earlier)),
  };
}

function changes(now: EngineCounters, earlier: EngineCounters): Readings {
  const seconds = (now.atMs - earlier.atMs) / 1_000;
  const isSameRun = now.runId === earlier.runId;
  const difference = (current: number, former: number): number =>
    isSameRun ? Math.max(0, current - former) : current;
  const grown = (...names: readonly string[]): number =>
    names.reduce((sum, name) => {
      return sum + difference(now.numbers.get(name) ?? 0, earlier.numbers.get(name) ?? 0);
    }, 0);
  const of = (what: 'calls' | 'usec', names: Iterable<string>): number =>
    [...names].reduce((sum, name) => {
      const [current, former] = [now.commands.get(name), earlier.commands.get(name)];
      return sum + difference(current?.[what] ?? 0, former?.[what] ?? 0);
    }, 0);
  const [hits, misses] = [grown('keyspace_hits'), grown('keyspace_misses')];
  const calls = of('calls', now.commands.keys());
  const sent = grown('total_net_output_bytes') - grown('total_net_repl_output_bytes');
  const received = grown('total_net_input_bytes') - grown('total_net_repl_input_bytes');
  const mainSeconds = grown('used_cpu_sys_main_thread', 'used_cpu_user_main_thread');
  return {
    cachehits: hits,
    cachemisses: misses,
    ...(hits + misses === 0 ? {} : { cachemissrate: (100 * misses) / (hits + misses) }),
    getcommands: of('calls', GETS),
    setcommands: of('calls', SETS),
    totalcommandsprocessed: grown('total_commands_processed'),
    evictedkeys: grown('evicted_keys'),
    expiredkeys: grown('expired_keys'),
    errors: grown('total_error_replies'),
    cacheRead: Math.max(0, sent) / seconds,
    cacheWrite: Math.max(0, received) / seconds,
    serverLoad: percent(mainSeconds / seconds),
    percentProcessorTime: percent(grown('used_cpu_sys', 'used_cpu_user') / seconds),
    ...(calls === 0 ? {} : { cacheLatency: of('usec', now.commands.keys()) / calls }),
  };
}

function percent(share: number): number {
  return Math.min(100, Math.max(0, 100 * share));
}
