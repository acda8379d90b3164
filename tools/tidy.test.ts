import assert from 'node:assert/strict';
import { test } from 'node:test';
import { breaches } from './tidy.ts';

test('a stage that knows another stage is found', () => {
  const path = 'src/replicator/link/session.ts';
  assert.equal(breaches(path, "import { Log } from '../log/log.ts';\n").length, 1);
  assert.equal(breaches(path, "const x = await import('../log/log.ts');\n").length, 1);
  const allowed = [
    "import { z } from 'zod';",
    "import type { Op } from '../../model/op.ts';",
    "import type { Member } from '../config.ts';",
    "import { Window } from './window.ts';",
  ];
  assert.deepEqual(breaches(path, `${allowed.join('\n')}\n`), []);
  const live = "import { LiveIndex } from '../live/live-index.ts';\n";
  assert.deepEqual(breaches('src/replicator/resolve/set.ts', live), []);
  assert.equal(breaches(path, live).length, 1);
  const composition = 'src/replicator/replicator.ts';
  assert.deepEqual(breaches(composition, "import { Log } from './log/log.ts';\n"), []);
  assert.equal(breaches(composition, "import { up } from '../group/local-group.ts';\n").length, 1);
});

test('clocks and chance are found where decisions are made, and only there', () => {
  const text = 'export const now = () => Date.now();\n';
  assert.equal(breaches('src/model/clock.ts', text).length, 1);
  assert.equal(breaches('src/replicator/resolve/set.ts', text).length, 1);
  assert.deepEqual(breaches('src/replicator/live/clock.ts', text), []);
  assert.deepEqual(breaches('src/model/clock.ts', '// Date.now is not called here\n'), []);
});

test('long files and long functions are found', () => {
  const long = `export function f() {\n${'  f();\n'.repeat(70)}}\n`;
  assert.match(breaches('src/base/x.ts', long).join(), /f has 72 lines/);
  assert.match(breaches('src/base/x.ts', '\n'.repeat(401)).join(), /more than 400 lines/);
  assert.deepEqual(breaches('src/base/x.test.ts', '\n'.repeat(401)), []);
});

test('the type any, unfinished work and barrels are found', () => {
  const path = 'src/base/x.ts';
  for (const line of ['let x: any;', 'f(x as any);', 'const m = new Map<string, any>();']) {
    assert.equal(breaches(path, `${line}\n`).length, 1, line);
  }
  assert.equal(breaches(path, `// ${'TO'}DO later\n`).length, 1);
  assert.equal(breaches('src/base/index.ts', '\n').length, 1);
  assert.deepEqual(breaches(path, '// if: any key will do\n'), []);
});
