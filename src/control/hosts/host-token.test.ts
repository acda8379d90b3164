import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { certificateFingerprint, GroupAuthority } from '../../group/authority.ts';
import { Sealer } from '../store/sealing.ts';
import { makeHostToken, readHostToken } from './host-token.ts';

const dir = mkdtempSync(join(tmpdir(), 'atoll-token-'));
const sealer = Sealer.open(join(dir, 'key'));
const { pem: authority } = await GroupAuthority.create(join(dir, 'ca'), 'a CA');
const token = makeHostToken(sealer, { region: 'eastus', lifetimeMs: 1000, nowMs: 5000, authority });
after(() => rmSync(dir, { recursive: true }));

test('a token says for which region it is, until it expires, and of which CA', () => {
  const { region, expiresMs } = readHostToken(sealer, token, 5999);
  assert.deepEqual({ region, expiresMs }, { region: 'eastus', expiresMs: 6000 });
  assert.ok(token.endsWith(`.${certificateFingerprint(authority)}`));
  assert.throws(() => readHostToken(sealer, token, 6000), /it has expired/);
});

test('a token that was changed, or is of another control plane, is refused', () => {
  const changed = `${token[0] === 'A' ? 'B' : 'A'}${token.slice(1)}`;
  const other = Sealer.open(join(dir, 'another-key'));
  for (const read of [
    () => readHostToken(sealer, changed, 5000),
    () => readHostToken(other, token, 5000),
    () => readHostToken(sealer, '', 5000),
    () => readHostToken(sealer, 'x.y.z', 5000),
  ]) {
    assert.throws(read, /not one of this control plane/);
  }
});

test('two tokens are never the same', () => {
  const wish = { region: 'eastus', lifetimeMs: 1000, nowMs: 5000, authority };
  const nonces = [token, makeHostToken(sealer, wish)].map(
    (one) => readHostToken(sealer, one, 5000).nonce,
  );
  assert.notEqual(nonces[0], nonces[1]);
});
