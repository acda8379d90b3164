import assert from 'node:assert/strict';
import { test } from 'node:test';
import { benchmarkArguments, parseCsvLine, parseReport } from './redis-benchmark.ts';

const HEADER =
  '"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"';

test('reads rate and percentiles by the names in the header', () => {
  const text = `${HEADER}\n"SADD set:__rand_int__ x","434782.59","1.551","0.392","1.471","2.559","3.199","3.791"\n`;
  assert.deepEqual(parseReport(text), { requestsPerSecond: 434782.59, p50Ms: 1.471, p99Ms: 3.199 });
});

test('columns may stand in another order', () => {
  const text = '"p99_latency_ms","rps","test","p50_latency_ms"\r\n"3","2","SET","1"\r\n';
  assert.deepEqual(parseReport(text), { requestsPerSecond: 2, p50Ms: 1, p99Ms: 3 });
});

test('lines around the report are passed over', () => {
  const text = `WARNING: Could not fetch server CONFIG\n${HEADER}\n"SET","1.5","1","1","1","1","2","3"\n`;
  assert.equal(parseReport(text).requestsPerSecond, 1.5);
});

test('a report without values is an error', () => {
  assert.throws(() => parseReport(`${HEADER}\n`), /reported no rps/);
  assert.throws(() => parseReport(''), /reported no rps/);
  assert.throws(() => parseReport(`${HEADER}\n"SET","1"\n`), /no p50_latency_ms/);
});

test('a comma or a quote inside a field does not split it', () => {
  assert.deepEqual(parseCsvLine('"EVAL "return 1", 0","12.5"'), ['EVAL "return 1", 0', '12.5']);
});

test('the arguments fix clients, keyspace, pipeline and number of requests', () => {
  assert.deepEqual(
    benchmarkArguments({ command: ['INCR', 'counter:__rand_int__'], pipeline: 16, requests: 1000 }),
    '-c 50 -r 100000 -P 16 -n 1000 --csv INCR counter:__rand_int__'.split(' '),
  );
});
