import assert from 'node:assert/strict';
import { test } from 'node:test';
import { judge } from '../report.ts';
import { hotRows } from './hot.ts';

const cost = (replicatorsUs: number, enginesUs: number) => ({ replicatorsUs, enginesUs });

test('costs are medians of the rounds, and the growth is that of the medians', () => {
  const costs = {
    once: [cost(10, 1), cost(30, 3), cost(20, 2)],
    twice: [cost(50, 4), cost(50, 4), cost(9, 4)],
  };
  const rows = hotRows('set', 500, costs).map(judge);
  assert.deepEqual(
    rows.map((row) => [row.name, row.unit, row.candidate, row.verdict]),
    [
      ['set: replicators at 500/s per region', 'us', 20, null],
      ['set: replicators at 1,000/s per region', 'us', 50, null],
      ['set: replicators, 1,000/s over 500/s', 'x', 2.5, 'missed'],
      ['set: engines at 500/s per region', 'us', 2, null],
      ['set: engines at 1,000/s per region', 'us', 4, null],
    ],
  );
});

test('twice the cost per write at twice the rate is still within the bound', () => {
  const rows = hotRows('set', 500, { once: [cost(10, 1)], twice: [cost(20, 1)] }).map(judge);
  assert.equal(rows[2]?.verdict, 'ok');
});

test('regions that differ are the verdict, with figures or without', () => {
  const differs = 'eastus has 3 parts, westeurope has 2';
  for (const costs of [
    { once: [cost(10, 1)], twice: [cost(10, 1)], differs },
    { once: [], twice: [], differs },
  ]) {
    const growth = hotRows('set', 500, costs).map(judge)[2];
    assert.equal(growth?.verdict, 'differs');
    assert.equal(growth?.differs, differs);
  }
});
