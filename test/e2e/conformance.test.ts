// The repository's own copy of the cases, on groups of real engines: every case that has merge rules passes.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { runConformance } from '../../src/conformance/run.ts';

test('every case with merge rules passes on real engines', async () => {
  const lines: string[] = [];
  const files = [join(import.meta.dirname, '../conformance/cases.json')];
  const code = await runConformance({ files, log: (line) => lines.push(line) });
  const failed = lines.filter((line) => line.startsWith('FAIL'));
  assert.equal(failed.length, 0, failed.join('\n'));
  assert.equal(code, 0);
  assert.match(lines.at(-1) ?? '', /^(269|2[7-9]\d|[3-9]\d\d) passed, 0 failed/);
});
