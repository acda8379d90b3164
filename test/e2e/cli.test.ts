import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ATOLL, run } from './support/run-atoll.ts';

describe('command line', () => {
  let dir = '';

  before(() => {
    dir = mkdtempSync(join(tmpdir(), 'atoll-cli-'));
  });
  after(() => rmSync(dir, { recursive: true }));

  test('works through a symbolic link and from any folder', async () => {
    const link = join(dir, 'link');
    symlinkSync(ATOLL, link);
    const { code, stdout } = await run(['version', '--json'], { file: link, cwd: dir });
    assert.equal(code, 0);
    assert.match(JSON.parse(stdout).version, /^\d+\.\d+\.\d+/);
  });

  test('wrong usage exits with 2, in words or in JSON', async () => {
    const words = await run(['version', '--bogus']);
    assert.equal(words.code, 2);
    assert.match(words.stderr, /^atoll: unknown option '--bogus'/);
    const json = await run(['local', 'up', '--json']);
    assert.equal(json.code, 2);
    assert.equal(JSON.parse(json.stdout).error.code, 'USAGE');
    assert.equal((await run(['nonsense'])).code, 2);
    assert.equal((await run(['--help'])).code, 0);
  });

  test('bad input is answered with what to do, and nothing is started', async () => {
    const group = join(dir, 'bad');
    const unknown = await run(['local', 'up', '--dir', group, '--regions', 'eastus,westeurop']);
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /unknown region "westeurop"\n {2}Did you mean westeurope/);
    const none = await run(['local', 'status', '--dir', group, '--json']);
    assert.equal(none.code, 1);
    assert.equal(JSON.parse(none.stdout).error.code, 'GROUP_NOT_FOUND');
    assert.ok(!existsSync(group));
  });

  test('a group goes up, is cut and healed, and goes down', async () => {
    const group = join(dir, 'group');
    const local = (name: string, ...args: string[]) =>
      run(['local', name, '--dir', group, '--json', ...args]);
    const up = await local('up', '--regions', 'eastus,westeurope', '--plain');
    assert.equal(up.code, 0, up.stdout);
    const { members } = JSON.parse(up.stdout);
    assert.deepEqual(
      members.map((member: { region: string }) => member.region),
      ['eastus', 'westeurope'],
    );
    assert.equal(JSON.parse((await local('status')).stdout).ready, true);
    assert.equal((await local('cut', 'eastus', 'westeurope')).code, 0);
    assert.equal(JSON.parse((await local('status')).stdout).ready, false);
    assert.equal((await local('heal', 'eastus')).code, 1);
    assert.equal((await local('heal')).code, 0);
    assert.equal((await local('down')).code, 0);
    assert.ok(!existsSync(group));
    await untilGone(members.flatMap(pidsOf));
  });

  test('the tour of the demo finds all regions in agreement, and its members come and go', async () => {
    const { code, stdout } = await run(['demo', '--check', '--json']);
    const { ok, steps } = JSON.parse(stdout);
    assert.equal(code, 0, stdout);
    assert.equal(ok, true);
    assert.equal(steps.length, 11);
  });

  test('a demo that is interrupted or killed leaves nothing behind', async () => {
    for (const signal of ['SIGINT', 'SIGKILL'] as const) {
      const temporary = mkdtempSync(join(dir, 'tmp-'));
      const environment = { ...process.env, TMPDIR: temporary };
      const demo = spawn(ATOLL, ['demo', '--regions', 'eastus'], { env: environment });
      const ended = new Promise((resolve) => demo.once('exit', resolve));
      await outputContains(demo.stdout, 'Ctrl-C');
      assert.equal(readdirSync(temporary).length, 1);
      demo.kill(signal);
      await ended;
      const deadlineMs = performance.now() + 15_000;
      while (readdirSync(temporary).length > 0) {
        assert.ok(performance.now() < deadlineMs, `files left after ${signal}`);
        await delay(20);
      }
    }
  });
});

function pidsOf(member: { enginePid: number; replicatorPid: number }): number[] {
  return [member.enginePid, member.replicatorPid];
}

async function untilGone(pids: readonly number[]): Promise<void> {
  const deadlineMs = performance.now() + 5_000;
  const isThere = (pid: number) => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  while (pids.some(isThere)) {
    assert.ok(performance.now() < deadlineMs, `still running: ${pids.filter(isThere)}`);
    await delay(20);
  }
}

function outputContains(stream: NodeJS.ReadableStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = '';
    stream.on('data', (chunk) => {
      seen += String(chunk);
      if (seen.includes(text)) resolve();
    });
    stream.on('end', () => reject(new Error(`it ended without "${text}": ${seen}`)));
  });
}
