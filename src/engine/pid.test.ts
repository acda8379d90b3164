import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isRunning, processesWith, stopProcess, thisProcess } from './pid.ts';

test('a process knows itself, also when its script was named by a relative path', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'atoll-pid-'));
  try {
    const source = `import { isRunning, thisProcess } from ${JSON.stringify(join(import.meta.dirname, 'pid.ts'))};
      process.stdout.write(String(isRunning(thisProcess())));`;
    writeFileSync(join(dir, 'itself.ts'), source);
    const { stdout } = spawnSync(process.execPath, ['itself.ts'], { cwd: dir, encoding: 'utf8' });
    assert.equal(stdout, 'true');
    assert.equal(isRunning(thisProcess()), true);
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('a process that becomes another program is running all the while', async () => {
  const marker = 'becomes another program';
  const again = `[ "$1" -gt 0 ] && exec sh -c "$0" "$0" "$(($1 - 1))" "${marker}"; sleep 60`;
  const child = spawn('sh', ['-c', again, again, '500', marker], { stdio: 'ignore' });
  const known = { pid: child.pid ?? 0, marker };
  try {
    const endMs = performance.now() + 300;
    for (let looks = 0; performance.now() < endMs; looks++) {
      assert.equal(isRunning(known), true, `look ${looks}`);
    }
  } finally {
    await Promise.all([once(child, 'exit'), stopProcess(known, 5000)]);
  }
});

test('a process that is gone, or is another one, is not running', async () => {
  const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)']);
  const known = { pid: child.pid ?? 0, marker: 'setInterval' };
  assert.equal(isRunning(known), true);
  assert.equal(isRunning({ ...known, marker: 'another program' }), false);
  await Promise.all([once(child, 'exit'), stopProcess(known, 5000)]);
  assert.equal(isRunning(known), false);
});

test('a look at all processes does not wait for those that have no command line', () => {
  const startMs = performance.now();
  assert.deepEqual(processesWith('a marker that nobody has'), []);
  assert.ok(performance.now() - startMs < 2_000);
});
