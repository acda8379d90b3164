import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LatencyHistogram } from './latency-histogram.ts';

function near(actual: number, expected: number): void {
  assert.ok(Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`);
}

test('a percentile is the upper bound of the step that holds it', () => {
  const latencies = new LatencyHistogram();
  latencies.add(0.123, 98);
  latencies.add(7.001, 1);
  latencies.add(40, 1);
  near(latencies.percentileMs(50), 0.13);
  near(latencies.percentileMs(98), 0.13);
  near(latencies.percentileMs(99), 7.01);
  near(latencies.percentileMs(100), 40.01);
});

test('what took longer than a second counts as one, and none at all as nothing', () => {
  const latencies = new LatencyHistogram();
  assert.ok(Number.isNaN(latencies.percentileMs(99)));
  latencies.add(5000, 1);
  near(latencies.percentileMs(99), 1000);
});
