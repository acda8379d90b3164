import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DENIED_ROWS } from '../commands/registry.ts';
import { renderEngineUsers } from './acl.ts';
import { isNewEnough, parseEngineVersion } from './find.ts';
import { findModules } from './modules.ts';
import { ENGINE_DEFAULTS, renderEngineSettings } from './settings.ts';

const SETTINGS = { ...ENGINE_DEFAULTS, port: 7001, dir: '/tmp/a', aclFile: '/tmp/a/users.acl' };

test('an engine keeps nothing on disk and everything of its backlog', () => {
  const lines = renderEngineSettings(SETTINGS).split('\n');
  for (const line of [
    'port 7001',
    'bind 127.0.0.1',
    'databases 1',
    'save ""',
    'appendonly no',
    `repl-backlog-size ${64 * 1024 * 1024}`,
    'repl-backlog-ttl 0',
    'repl-diskless-sync yes',
    'repl-diskless-sync-delay 0',
    'enable-debug-command no',
  ]) {
    assert.ok(lines.includes(line), line);
  }
});

test('a folder name cannot smuggle settings in', () => {
  const text = renderEngineSettings({ ...SETTINGS, dir: '/tmp/x"\nsave 1 1\n\\' });
  assert.ok(text.includes('dir "/tmp/x\\"\\nsave 1 1\\n\\\\"'));
  assert.ok(!text.split('\n').includes('save 1 1'));
});

test('a standby follows its engine, and leaves no file from which another one would begin', () => {
  const standbyOf = { host: '127.0.0.1', port: 7001, username: 'u', password: 'p"w' };
  const lines = renderEngineSettings({ ...SETTINGS, port: 7301, standbyOf }).split('\n');
  for (const line of [
    'replicaof 127.0.0.1 7001',
    'masteruser "u"',
    'masterauth "p\\"w"',
    'rdb-del-sync-files yes',
  ]) {
    assert.ok(lines.includes(line), line);
  }
  assert.ok(!renderEngineSettings(SETTINGS).includes('replicaof'));
});

test('modules are loaded in the order given', () => {
  const text = renderEngineSettings({ ...SETTINGS, modules: ['/m/a b.so', '/m/c.so'] });
  const loaded = text.split('\n').filter((line) => line.startsWith('loadmodule '));
  assert.deepEqual(loaded, ['loadmodule "/m/a b.so"', 'loadmodule "/m/c.so"']);
});

test('a module that is not there is an error of the operator', () => {
  assert.deepEqual(findModules([import.meta.filename]), [import.meta.filename]);
  assert.throws(() => findModules([import.meta.dirname]), { code: 'MODULE_NOT_FOUND' });
});

test('the users file holds digests, never passwords', () => {
  const text = renderEngineUsers({ clientPassword: 'open sesame', replicatorPassword: 'secret' });
  assert.ok(!text.includes('sesame') && !text.includes('secret'));
  assert.equal(text.match(/#[0-9a-f]{64}/g)?.length, 2);
  assert.ok(!text.includes('nopass'));
});

test('the users file denies every row of the registry that says so', () => {
  const text = renderEngineUsers({ clientPassword: null, replicatorPassword: 'secret' });
  const [clients = ''] = text.split('\n');
  const rules = clients.split(' ');
  assert.ok(rules.indexOf('-@dangerous') > rules.indexOf('+@all'));
  assert.ok(DENIED_ROWS.length > 10);
  for (const { names, since, denied } of DENIED_ROWS) {
    for (const name of names.map((text) => text.toLowerCase().replace(' ', '|'))) {
      // An engine that does not know a command refuses a file that names it.
      assert.equal(rules.includes(`-${name}`), since === undefined, name);
      for (const subcommand of since === undefined ? (denied.except ?? []) : []) {
        const allowed = rules.lastIndexOf(`+${name}|${subcommand.toLowerCase()}`);
        assert.ok(allowed > rules.lastIndexOf(`-${name}`), `${name} ${subcommand}`);
      }
    }
  }
  assert.ok(rules.lastIndexOf('-client|pause') > rules.lastIndexOf('+client'));
});

test('versions are read from what the engines print', () => {
  const redis = 'Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=d81';
  assert.deepEqual(parseEngineVersion(redis, '/x/redis-server'), {
    kind: 'redis',
    version: '7.0.15',
  });
  const valkey = 'Valkey server v=8.1.3 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64';
  assert.deepEqual(parseEngineVersion(valkey, '/x/redis-server'), {
    kind: 'valkey',
    version: '8.1.3',
  });
  assert.deepEqual(parseEngineVersion('Server v=7.2.9 sha=0', '/x/valkey-server'), {
    kind: 'valkey',
    version: '7.2.9',
  });
  assert.equal(parseEngineVersion('ls (GNU coreutils) 9.1', '/bin/ls'), null);
});

test('Redis from 7.0 and Valkey from 7.2 are new enough', () => {
  assert.ok(isNewEnough({ kind: 'redis', version: '7.0.0' }));
  assert.ok(isNewEnough({ kind: 'redis', version: '8.2.1' }));
  assert.ok(isNewEnough({ kind: 'redis', version: '10.0' }));
  assert.ok(!isNewEnough({ kind: 'redis', version: '6.2.14' }));
  assert.ok(isNewEnough({ kind: 'valkey', version: '7.2.5' }));
  assert.ok(!isNewEnough({ kind: 'valkey', version: '7.1.0' }));
});
