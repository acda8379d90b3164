import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatNumber, judge, type Measurement, table } from './report.ts';

function measurement(part: Partial<Measurement>): Measurement {
  return { section: 's', name: 'n', unit: 'ops/s', baseline: 100, candidate: 80, ...part };
}

test('a target on the ratio is judged by the ratio, bounds included', () => {
  const target = { of: 'ratio', bound: 'atLeast', limit: 0.8 } as const;
  assert.equal(judge(measurement({ target })).verdict, 'ok');
  assert.equal(judge(measurement({ target, candidate: 79.9 })).verdict, 'missed');
});

test('a target on the value is judged by the candidate alone', () => {
  const target = { of: 'value', bound: 'atMost', limit: 5 } as const;
  assert.equal(judge(measurement({ target, baseline: null, candidate: 5 })).verdict, 'ok');
  assert.equal(judge(measurement({ target, baseline: 0.1, candidate: 5.1 })).verdict, 'missed');
});

test('what was not measured has no ratio and no verdict', () => {
  const target = { of: 'ratio', bound: 'atMost', limit: 2 } as const;
  const row = judge(measurement({ target, candidate: Number.NaN }));
  assert.equal(row.candidate, null);
  assert.equal(row.ratio, null);
  assert.equal(row.verdict, null);
  assert.equal(judge(measurement({ target, baseline: 0 })).verdict, null);
});

test('regions that differ are the verdict, whatever the figure', () => {
  const target = { of: 'value', bound: 'atMost', limit: 2 } as const;
  const row = judge(measurement({ target, candidate: 1, differs: 'eastus has 3 parts' }));
  assert.equal(row.verdict, 'differs');
  assert.equal(row.differs, 'eastus has 3 parts');
  assert.equal(judge(measurement({ target, candidate: 1 })).differs, null);
});

test('what would be best is shown beside the limit and not judged', () => {
  const target = { of: 'value', bound: 'atMost', limit: 2, best: 1 } as const;
  const row = judge(measurement({ target, candidate: 1.5 }));
  assert.equal(row.verdict, 'ok');
  const line = table([row], 'stock', 'atoll').at(-1) ?? '';
  assert.match(line, /value <= 2 \(best <= 1\) {2}ok$/);
});

test('the table aligns its columns under one heading per section', () => {
  const rows = [
    judge(measurement({ name: 'SET', target: { of: 'ratio', bound: 'atLeast', limit: 0.75 } })),
    judge(measurement({ name: 'a longer name', baseline: 123456, candidate: null })),
    judge(measurement({ section: 't', name: 'x' })),
  ];
  const lines = table(rows, 'stock', 'atoll');
  assert.deepEqual(lines, [
    '                          stock  atoll  ratio  target',
    's',
    '  SET            ops/s      100   80.0   0.80  ratio >= 0.75  ok',
    '  a longer name  ops/s  123,456      -      -',
    't',
    '  x              ops/s      100   80.0   0.80',
  ]);
});

test('numbers keep about three figures', () => {
  assert.equal(formatNumber(1234567.8), '1,234,568');
  assert.equal(formatNumber(12.345), '12.3');
  assert.equal(formatNumber(0.234), '0.23');
  assert.equal(formatNumber(-0.001), '0.00');
});
