// From INFO to readings, and from samples to what a question about metrics is answered.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { readCounters, readingsFrom } from './engine-readings.ts';
import { metricsOf } from './metric-definitions.ts';
import { pointsOf, readMetricsQuestion, readTimespan } from './metrics-query.ts';

const NOW_MS = Date.UTC(2026, 0, 2, 12, 0, 30);
const MINUTE_MS = 60_000;
const TYPE = 'Microsoft.Cache/redis';

function info(numbers: Record<string, number | string>): string {
  return Object.entries({ run_id: 'a', ...numbers })
    .map(([name, value]) => `${name}:${value}`)
    .join('\r\n');
}

const NOW = readCounters(
  info({
    ...{ used_memory: 1_500, mem_not_counted_for_evict: 500, maxmemory: 4_000 },
    ...{ keyspace_hits: 130, keyspace_misses: 20, total_commands_processed: 1_000 },
    ...{ total_net_input_bytes: 7_000, total_net_repl_input_bytes: 1_000 },
    ...{ used_cpu_user_main_thread: '31.5', used_cpu_sys_main_thread: '1.0' },
    ...{ db0: 'keys=3,expires=0,avg_ttl=0', db9: 'keys=4,expires=1,avg_ttl=5' },
    cmdstat_get: 'calls=30,usec=600,usec_per_call=20.00,rejected_calls=0,failed_calls=0',
    'cmdstat_config|get': 'calls=5,usec=100,usec_per_call=20.00,rejected_calls=0,failed_calls=0',
  }),
  MINUTE_MS,
);

describe('readings', () => {
  test('are what is so now, and what has happened since', () => {
    const alone = readingsFrom(NOW, null);
    assert.equal(alone.usedmemory, 1_000);
    assert.equal(alone.usedmemorypercentage, 25);
    assert.equal(alone.totalkeys, 7);
    assert.equal(alone.cachehits, undefined, 'since when nobody knows');
    const earlier = readCounters(
      info({ keyspace_hits: 100, used_cpu_user_main_thread: 1.5, used_cpu_sys_main_thread: 1 }),
      0,
    );
    const since = readingsFrom(NOW, earlier);
    assert.equal(since.cachehits, 30);
    assert.equal(since.cachemissrate, 40);
    assert.equal(since.getcommands, 30);
    assert.equal(since.setcommands, 0);
    assert.equal(since.cacheLatency, 20);
    assert.equal(since.cacheWrite, 100, 'without what replication received');
    assert.equal(since.serverLoad, 50);
  });

  test('begin anew with the engine', () => {
    const earlier = readCounters(info({ run_id: 'before', keyspace_hits: 1_000 }), 0);
    assert.equal(readingsFrom(NOW, earlier).cachehits, 130);
    const odd = readCounters(info({ keyspace_hits: 1_000 }), 0);
    assert.equal(readingsFrom(NOW, odd).cachehits, 0, 'never less than nothing');
  });

  test('of any text are numbers', () => {
    const line = fc.oneof(
      fc.string(),
      fc
        .tuple(fc.constantFrom('used_memory', 'cmdstat_get', 'db0', 'run_id'), fc.string())
        .map(([name, value]) => `${name}:${value}`),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const counters = readCounters(lines.join('\r\n'), 1_000);
        const readings = readingsFrom(counters, readCounters('', 0));
        assert.ok(Object.values(readings).every(Number.isFinite), JSON.stringify(readings));
      }),
      { numRuns: 50 },
    );
  });
});

describe('a question about metrics', () => {
  const read = (query: Record<string, string>) => readMetricsQuestion(query, TYPE, NOW_MS);
  const at = (text: string) => Date.parse(text);

  test('has a timespan in any of its forms', () => {
    const [from, to] = ['2026-01-01T00:00:00Z', '2026-01-01T02:00:00Z'];
    const span = { fromMs: at(from), toMs: at(to) };
    for (const text of [
      `${from}/${to}`,
      '2026-01-01T00:00:00/2026-01-01T02:00:00.000000',
      '2026-01-01T01:00:00+01:00/2026-01-01T03:00:00 01:00',
      `${from}/PT2H`,
      `PT120M/${to}`,
      '2026-01-01/PT2H',
    ]) {
      assert.deepEqual(readTimespan(text, NOW_MS), span, text);
    }
    assert.deepEqual(readTimespan('P1DT1H', NOW_MS), {
      ...{ fromMs: NOW_MS - 25 * 60 * MINUTE_MS, toMs: NOW_MS },
    });
    for (const text of ['', 'x', 'PT', 'P', `${to}/${from}`, `${from}/x`, 'P100D', '/', 'PT0S']) {
      assert.throws(() => readTimespan(text, NOW_MS), { code: 'BadRequest' }, text);
    }
    const twice = encodeURIComponent(`${from}/${to}`);
    assert.equal(read({ timespan: twice }).fromMs, span.fromMs, 'encoded once more');
  });

  test('that cannot be answered is refused, with what could', () => {
    assert.throws(() => read({ metricnames: 'usedmemory,nothing' }), /Valid metrics: usedmemory,/);
    assert.throws(() => read({ aggregation: 'Median' }), /Average, Minimum/);
    assert.throws(() => read({ interval: 'PT2M' }), /PT1M, PT5M/);
    assert.throws(() => read({ $filter: "Colour eq 'blue'" }), /ShardId/);
    assert.throws(() => read({ metricnamespace: 'Microsoft.Compute' }), /not Microsoft.Cache/);
    const all = metricsOf(TYPE).map(({ name }) => name);
    assert.throws(() => read({ metricnames: all.join(','), timespan: 'P30D' }), /values/);
    assert.equal(read({ METRICNAMES: 'UsedMemory', interval: 'pt5m' }).grainMs, 5 * MINUTE_MS);
  });

  test('is answered with a value for each interval, also where nothing was measured', () => {
    const question = read({
      ...{ metricnames: 'cachehits', timespan: '2026-01-01T00:01:00Z/2026-01-01T00:15:00Z' },
      ...{ interval: 'PT5M', aggregation: 'total,average,minimum,maximum,count' },
    });
    const [metric = assert.fail()] = question.metrics;
    const samples = [1, 3, 11].map((value, index) => ({
      atMs: at('2026-01-01T00:02:30Z') + index * 4 * MINUTE_MS,
      readings: { cachehits: value },
    }));
    samples.push({ atMs: at('2026-01-01T00:13:00Z'), readings: { cachehits: 5 } });
    assert.deepEqual(pointsOf(question, metric, samples), [
      {
        timeStamp: '2026-01-01T00:00:00.000Z',
        ...{ total: 1, average: 1, minimum: 1, maximum: 1, count: 1 },
      },
      {
        timeStamp: '2026-01-01T00:05:00.000Z',
        ...{ total: 3, average: 3, minimum: 3, maximum: 3, count: 1 },
      },
      {
        timeStamp: '2026-01-01T00:10:00.000Z',
        ...{ total: 16, average: 8, minimum: 5, maximum: 11, count: 2 },
      },
    ]);
    const plain = read({ metricnames: 'cachehits', timespan: 'PT2M' });
    assert.deepEqual(pointsOf(plain, metric, []), [
      { timeStamp: '2026-01-02T11:58:00.000Z' },
      { timeStamp: '2026-01-02T11:59:00.000Z' },
      { timeStamp: '2026-01-02T12:00:00.000Z' },
    ]);
    const full = read({ metricnames: 'cachehits', timespan: 'PT1H', interval: 'FULL' });
    assert.equal(pointsOf(full, metric, samples).length, 1);
  });

  test('never fails otherwise', () => {
    const text = fc.oneof(fc.string(), fc.constantFrom('PT1M', 'PT1H', '2026-01-01/P1D', '%'));
    const names = ['metricnames', 'timespan', 'interval', 'aggregation', '$filter', 'resultType'];
    const query = fc.dictionary(fc.constantFrom(...names), text);
    fc.assert(
      fc.property(query, (given) => {
        try {
          const { metrics, fromMs, toMs } = read(given);
          assert.ok(metrics.length > 0 && fromMs < toMs);
        } catch (error) {
          assert.ok(error instanceof Error && 'code' in error && error.code === 'BadRequest');
        }
      }),
      { numRuns: 200 },
    );
  });
});
