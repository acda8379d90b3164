// The launcher on machines that lack things: its folder and everything on PATH are stand-ins, so
// that nothing is installed for real.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, test } from 'node:test';

const ATOLL = join(import.meta.dirname, '../../atoll');
/** What the launcher may use of any machine. */
const TOOLS = ['cat', 'cksum', 'dirname', 'env', 'head', 'ln', 'mkdir', 'mktemp', 'readlink'];
const MORE_TOOLS = ['rm', 'sed', 'sh', 'sleep', 'tail', 'touch', 'uname'];

describe('launcher', () => {
  let dir = '';
  let root = '';
  let bin = '';

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'atoll launcher-'));
    root = join(dir, 'project');
    bin = join(dir, 'bin');
    mkdirSync(join(root, 'src/cli'), { recursive: true });
    mkdirSync(bin);
    copyFileSync(ATOLL, join(root, 'atoll'));
    writeFileSync(join(root, 'package-lock.json'), '{}');
    const print = 'console.log(JSON.stringify([process.cwd(), ...process.argv.slice(2)]))';
    writeFileSync(join(root, 'src/cli/main.ts'), print);
    for (const tool of [...TOOLS, ...MORE_TOOLS]) {
      const path = ['/bin', '/usr/bin'].map((folder) => join(folder, tool)).find(existsSync);
      assert.ok(path, `this machine has no ${tool}`);
      symlinkSync(path, join(bin, tool));
    }
    symlinkSync(process.execPath, join(bin, 'node'));
    stub('npm', 'mkdir -p node_modules; touch node_modules/.package-lock.json');
    stub('id', 'echo 0');
  });
  afterEach(() => rmSync(dir, { recursive: true }));

  test('installs the packages once, and again when the lock file changes', async () => {
    const first = await launch('version');
    assert.equal(first.code, 0, first.stderr);
    assert.match(first.stderr, /installing the npm packages/);
    assert.deepEqual(calls(), ['npm ci --loglevel=error --no-progress']);
    assert.equal((await launch('version')).stderr, '');
    writeFileSync(join(root, 'package-lock.json'), '{"changed":true}');
    const later = new Date(Date.now() + 10_000);
    utimesSync(join(root, 'package-lock.json'), later, later);
    assert.match((await launch('version')).stderr, /installing/);
    assert.equal(calls().length, 2);
  });

  test('two first runs at once install once', async () => {
    stub('npm', 'sleep 0.3; mkdir -p node_modules; touch node_modules/.package-lock.json');
    const both = await Promise.all([launch('version'), launch('version')]);
    assert.deepEqual(
      both.map((result) => result.code),
      [0, 0],
    );
    assert.equal(calls().length, 1);
  });

  test('a lock left behind by a run that was killed is no obstacle', async () => {
    mkdirSync(join(root, '.atoll'));
    symlinkSync('999999999', join(root, '.atoll/setup.lock'));
    assert.equal((await launch('version')).code, 0);
    assert.ok(!existsSync(join(root, '.atoll/setup.lock')));
  });

  test('hands over arguments and folder as they are, through a chain of links', async () => {
    symlinkSync(join(root, 'atoll'), join(dir, 'one'));
    symlinkSync('one', join(dir, 'two'));
    const { stdout } = await launch('version', 'a b', '', '*');
    assert.deepEqual(JSON.parse(stdout), [dir, 'version', 'a b', '', '*']);
    const linked = await launchFile(join(dir, 'two'), ['version']);
    assert.deepEqual(JSON.parse(linked.stdout), [dir, 'version']);
  });

  test('without npm it says what to install', async () => {
    rmSync(join(bin, 'npm'));
    const { code, stderr } = await launch('version');
    assert.equal(code, 1);
    assert.match(stderr, /^atoll: npm is missing\n {2}Install Node\.js 20/);
  });

  test('a registry that is out of reach is an error, and the next run tries again', async () => {
    stub('npm', 'echo "npm error network" >&2; exit 1');
    const { code, stderr } = await launch('version');
    assert.equal(code, 1);
    assert.match(stderr, /npm error network\natoll: the npm packages could not be installed/);
    stub('npm', 'mkdir -p node_modules; touch node_modules/.package-lock.json');
    assert.equal((await launch('version')).code, 0);
  });

  test('installs an engine for commands that need one, and says so', async () => {
    const engine = join(bin, 'redis-server');
    const install = `case "$*" in *" install "*|install\\ *) printf '#!/bin/sh\\n' > "${engine}"; chmod +x "${engine}";; esac`;
    symlinkSync('/bin/chmod', join(bin, 'chmod'));
    stub('apt-get', install);
    stub('install', ':');
    stub('rm', ':');
    await launch('version');
    await launch('local', 'status');
    await launch('demo', '--help');
    assert.ok(!existsSync(engine));
    const { code, stderr } = await launch('demo');
    assert.equal(code, 0, stderr);
    assert.match(stderr, /no valkey-server or redis-server found: installing one with apt/);
    assert.ok(calls().includes('apt-get install -y --no-install-recommends redis-server'));
    assert.equal((await launch('demo')).stderr, '');
  });

  test('installs a search module for the tests, once, and does without it', async () => {
    const launcher = readFileSync(ATOLL, 'utf8').replaceAll('/usr/lib/redis', '/nowhere');
    writeFileSync(join(root, 'atoll'), launcher);
    stub('redis-server', '');
    stub('install', ':');
    stub('rm', ':');
    stub('apt-get', 'case "$1" in update) ;; *) exit 1 ;; esac');
    await launch('test', '--fast');
    assert.ok(!calls().includes('apt-get update'));
    const { code, stderr } = await launch('test');
    assert.equal(code, 0, stderr);
    assert.match(stderr, /the tests of search are left out/);
    assert.ok(calls().includes('apt-get install -y --no-install-recommends redis-redisearch'));
    assert.equal((await launch('test')).stderr, '');
  });

  test('without a package manager it says what to install', async () => {
    const { code, stderr } = await launch('local', 'up');
    assert.equal(code, 1);
    assert.match(stderr, /no known package manager\n {2}Install Redis 7\.0/);
    assert.equal((await launch('local', 'up', '--engine', '/x')).code, 0);
  });

  test('without root and sudo it says what to install', async () => {
    stub('apt-get', 'exit 1');
    stub('id', 'echo 1000');
    const { code, stderr } = await launch('test');
    assert.equal(code, 1);
    assert.match(stderr, /needs root/);
  });

  test('a package manager that fails is shown', async () => {
    stub('apk', 'echo "no network"; exit 1');
    const { code, stderr } = await launch('bench');
    assert.equal(code, 1);
    assert.match(stderr, /no network\natoll: apk could not install an engine/);
  });

  /** A program on PATH that notes how it was called. */
  function stub(name: string, script: string): void {
    const path = join(bin, name);
    rmSync(path, { force: true });
    const note = name === 'id' ? '' : `echo "${name} $*" >> "${join(dir, 'calls')}"\n`;
    writeFileSync(path, `#!/bin/sh\n${note}${script}\n`);
    chmodSync(path, 0o755);
  }

  function calls(): string[] {
    appendFileSync(join(dir, 'calls'), '');
    return readFileSync(join(dir, 'calls'), 'utf8').trim().split('\n');
  }

  function launch(...args: readonly string[]) {
    return launchFile(join(root, 'atoll'), args);
  }

  function launchFile(
    file: string,
    args: readonly string[],
  ): Promise<{ code: unknown; stdout: string; stderr: string }> {
    return new Promise((resolve) => {
      execFile(
        file,
        args,
        { cwd: dir, env: { PATH: bin, TMPDIR: dir } },
        (error, stdout, stderr) => {
          resolve({ code: error === null ? 0 : error.code, stdout, stderr });
        },
      );
    });
  }
});
