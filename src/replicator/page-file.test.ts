import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { PageFile } from './page-file.ts';

test('pages are read where they were written, places are used again, and nothing is left', (context) => {
  const dir = mkdtempSync(join(tmpdir(), 'atoll-test-'));
  context.after(() => rmSync(dir, { recursive: true, force: true }));
  const path = join(dir, 'pages');
  writeFileSync(path, 'of an earlier life');
  const file = new PageFile(path);
  assert.ok(!existsSync(path));
  for (let page = 0; page < 4; page++) file.write(page, Buffer.alloc(16, page));
  assert.deepEqual(file.read(2, 8, 4), Buffer.alloc(4, 2));
  file.drop(1);
  file.write(4, Buffer.alloc(16, 4));
  assert.equal(statSync(path).size, 64);
  assert.deepEqual(file.read(4, 0, 16), Buffer.alloc(16, 4));
  assert.deepEqual(file.read(3, 0, 16), Buffer.alloc(16, 3));
  for (const page of [0, 2, 3, 4]) file.drop(page);
  assert.equal(statSync(path).size, 0);
  file.close();
  assert.ok(!existsSync(path));
});
