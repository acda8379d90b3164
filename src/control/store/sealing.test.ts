import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { AccessKeys } from './access-keys.ts';
import { hashSecret, isSecret, Sealer } from './sealing.ts';

const dir = mkdtempSync(join(tmpdir(), 'atoll-sealing-'));
after(() => rmSync(dir, { recursive: true }));

test('what is sealed opens with the same key, for the same resource only', () => {
  const sealer = Sealer.open(join(dir, 'key'));
  const sealed = sealer.seal('secret', '/a');
  assert.ok(!Buffer.from(sealed, 'base64').includes('secret'));
  assert.equal(Sealer.open(join(dir, 'key')).unseal(sealed, '/a'), 'secret');
  assert.throws(() => sealer.unseal(sealed, '/b'));
  assert.throws(() => Sealer.open(join(dir, 'other')).unseal(sealed, '/a'));
  writeFileSync(join(dir, 'broken'), 'x');
  assert.throws(() => Sealer.open(join(dir, 'broken')), { code: 'SECRETS_KEY_INVALID' });
});

test('one access key is renewed, the other stays', () => {
  const sealer = Sealer.open(join(dir, 'key'));
  const keys = AccessKeys.make();
  const read = AccessKeys.unsealed(sealer, '/a', keys.sealed(sealer, '/a'));
  assert.deepEqual(read.wire, keys.wire);
  const renewed = keys.renewed('Primary');
  assert.notEqual(renewed.primary, keys.primary);
  assert.equal(renewed.secondary, keys.secondary);
  assert.ok(keys.primary !== keys.secondary && keys.primary.length >= 40);
});

test('a secret is known by its hash', async () => {
  const hash = hashSecret('right');
  assert.ok(await isSecret('right', hash));
  assert.ok(!(await isSecret('wrong', hash)) && !(await isSecret('right', '')));
  assert.notEqual(hashSecret('right'), hash);
});
